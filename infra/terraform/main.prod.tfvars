# An installation with all options: a virtual network, a closed host account, a shared workspace, BC in another tenant.
subscription_id  = "00000000-0000-0000-0000-000000000000"
environment_name = "prod"
location         = "westeurope"
tags             = { costCenter = "4711" }
business_central = {
  tenant_id   = "7c1f0a52-3f0e-4e55-9d0a-6b1f6f0f3a11"
  environment = "Production"
  company     = "Nordwind Möbel GmbH"
  api_version = "v2.0"
  client_id   = "3c1f8f0e-2b7a-4f5e-9d7e-6a1d1c0f9b55"
}
pictures  = { max_side = 1600, max_bytes = 524288, render_memory = 2147483648, item_wait_days = 14 }
scale     = { maximum_instance_count = 3, always_ready_instances = 1, instance_memory_mb = 4096 }
retention = { soft_delete_days = 14, archive_cool_days = 30, archive_delete_days = 1095, quarantine_delete_days = 90 }
uploaders = [
  { id = "11111111-1111-4111-8111-111111111111", type = "Group" },
  { id = "33333333-3333-4333-8333-333333333333", type = "ServicePrincipal" },
]
uploaders_only_write  = true
operators             = [{ id = "22222222-2222-4222-8222-222222222222", type = "Group" }]
alert_emails          = ["operators@example.com"]
existing_workspace_id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-logs/providers/Microsoft.OperationalInsights/workspaces/log-shared"
network = {
  use_virtual_network        = true
  address_prefix             = "10.72.0.0/24"
  host_account_is_public     = false
  pictures_account_is_public = true
}
lock_pictures             = true
create_event_subscription = true
