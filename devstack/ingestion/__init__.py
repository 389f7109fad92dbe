"""Stands in for Application Insights' ingestion endpoint: takes what the real exporters send, and gives it to tests."""
