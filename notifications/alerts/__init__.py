"""Alert rules: a metric over time, and when its owner is told that it is off."""
