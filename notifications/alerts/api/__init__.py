"""The management API of alert rules, alerts and maintenance."""
