from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("campaigns", "0026_while_sending")]
    operations = [
        migrations.AddField(
            model_name="door",
            name="check_words",
            field=models.CharField(
                blank=True, db_default="", default="", editable=False, max_length=500
            ),
        ),
        migrations.AddField(
            model_name="door",
            name="checked_address",
            field=models.TextField(blank=True, db_default="", default="", editable=False),
        ),
    ]
