"""What the dashboards show, a module per subject."""
