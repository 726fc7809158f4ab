"""The suite that every vendor gets without asking: whoever is in the folder is tested here.

A vendor whose credentials or options must have a certain form says so in
`tests/fixtures/<key>/account.json`: `{"credentials": {...}, "options": {...}}`.
"""
