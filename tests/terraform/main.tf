# A function behind URLs, with what usually hangs on one. test_terraform_itself.py applies it.

terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}

variable "endpoint" {}
variable "code" {}
variable "timeout" {}
variable "mode" {}

provider "aws" {
  region                      = "us-east-1"
  access_key                  = "test"
  secret_key                  = "test"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_requesting_account_id  = true

  endpoints {
    lambda = var.endpoint
  }
}

resource "aws_lambda_layer_version" "layer" {
  layer_name          = "terraform-itself"
  filename            = var.code
  compatible_runtimes = ["python3.11"]
}

resource "aws_lambda_function" "it" {
  function_name                  = "terraform-itself"
  runtime                        = "python3.11"
  handler                        = "app.handler"
  role                           = "arn:aws:iam::000000000000:role/any"
  filename                       = var.code
  source_code_hash               = filebase64sha256(var.code)
  publish                        = true
  timeout                        = var.timeout
  layers                         = [aws_lambda_layer_version.layer.arn]
  reserved_concurrent_executions = 3
  tags                           = { team = "a" }

  environment {
    variables = { GREETING = "from ${var.mode}" }
  }

  # Both levels: where one is left out, the provider plans a new version each time.
  logging_config {
    log_format            = "JSON"
    application_log_level = "INFO"
    system_log_level      = "WARN"
  }
}

resource "aws_lambda_alias" "live" {
  name             = "live"
  function_name    = aws_lambda_function.it.function_name
  function_version = aws_lambda_function.it.version
}

resource "aws_lambda_function_url" "public" {
  function_name      = aws_lambda_function.it.function_name
  qualifier          = aws_lambda_alias.live.name
  authorization_type = "NONE"
  invoke_mode        = var.mode

  cors {
    allow_origins = ["https://example.com"]
    allow_methods = ["GET"]
    max_age       = 60
  }
}

# The provider gives everybody lambda:InvokeFunctionUrl by itself. Since October 2025 AWS asks for this as well.
resource "aws_lambda_permission" "public" {
  statement_id  = "public"
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.it.function_name
  qualifier     = aws_lambda_alias.live.name
  principal     = "*"
}

resource "aws_lambda_function_url" "signed" {
  function_name      = aws_lambda_function.it.function_name
  authorization_type = "AWS_IAM"
}

resource "aws_lambda_permission" "signed" {
  statement_id           = "signed"
  action                 = "lambda:InvokeFunctionUrl"
  function_name          = aws_lambda_function.it.function_name
  principal              = "arn:aws:iam::111111111111:root"
  function_url_auth_type = "AWS_IAM"
}

data "aws_lambda_function_url" "signed" {
  function_name = aws_lambda_function_url.signed.function_name
}

output "public" {
  value = aws_lambda_function_url.public.function_url
}

output "signed" {
  value = data.aws_lambda_function_url.signed.function_url
}
