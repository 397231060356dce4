from django.apps import AppConfig


class CohortsiteConfig(AppConfig):
    name = "cohortsite"
    verbose_name = "Site"
