from django.apps import AppConfig, apps
from django.db.models.signals import post_migrate


class CohortsiteConfig(AppConfig):
    name = "cohortsite"
    verbose_name = "Site"

    def ready(self) -> None:
        from cohortsite.roles import make_roles  # noqa: PLC0415 - models are loaded only now

        # The last of our apps with models: by then every permission exists. (Ours has none, and gets no signal.)
        post_migrate.connect(make_roles, sender=apps.get_app_config("notifications"), dispatch_uid="roles")
