from django.db import migrations, models


def say_all(apps, schema_editor):
    """Until now a window without rules concerned them all."""
    apps.get_model("alerts", "Maintenance").objects.filter(rules=None).update(all_rules=True)


class Migration(migrations.Migration):

    dependencies = [
        ("alerts", "0001_initial"),
    ]

    operations = [
        migrations.AddField(
            model_name="maintenance",
            name="all_rules",
            field=models.BooleanField(default=False),
        ),
        migrations.RunPython(say_all, migrations.RunPython.noop),
    ]
