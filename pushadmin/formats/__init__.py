"""How Django itself writes moments, per language; our own pages write them so, too."""
