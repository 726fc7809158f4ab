from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("campaigns", "0024_call_parts")]
    operations = [
        migrations.AddField(
            model_name="transfer",
            name="inbox_recall_at",
            field=models.DateTimeField(editable=False, null=True),
        ),
    ]
