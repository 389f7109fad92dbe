"""Shows the local stack's telemetry to people, live: the workbook's panels."""
