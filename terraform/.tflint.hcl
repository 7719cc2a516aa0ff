# scripts/check-terraform.sh
plugin "terraform" {
  enabled = true
  preset  = "all"
}
