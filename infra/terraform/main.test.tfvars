# A small installation for trying out: a BC sandbox, no network of its own.
subscription_id  = "00000000-0000-0000-0000-000000000000"
environment_name = "test"
location         = "westeurope"
business_central = {
  tenant_id   = "7c1f0a52-3f0e-4e55-9d0a-6b1f6f0f3a11"
  environment = "Sandbox"
  company     = "CRONUS USA, Inc."
  api_version = "v2.0"
}
pictures_account_sku      = "Standard_LRS"
uploaders                 = [{ id = "11111111-1111-4111-8111-111111111111", type = "User" }]
operators                 = [{ id = "22222222-2222-4222-8222-222222222222", type = "User" }]
alert_emails              = ["operators@example.com"]
create_event_subscription = true
