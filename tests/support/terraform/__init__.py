"""Runs Terraform itself over infra/terraform without Azure: its core, and providers that are nothing but a schema."""
