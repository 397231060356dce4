from django.apps import AppConfig
from django.db.models.signals import post_migrate


class CohortsiteConfig(AppConfig):
    name = "cohortsite"
    verbose_name = "Site"

    def ready(self) -> None:
        from cohortsite.roles import make_roles  # noqa: PLC0415 - models are loaded only now

        # This app is the last in INSTALLED_APPS: when its turn comes, every permission exists.
        post_migrate.connect(make_roles, sender=self, dispatch_uid="roles")
