# Builds both images, and has Terraform upload and register them (terraform/images). packages.nix puts the programs that
# it needs on the PATH.

if [ ! -e flake.nix ] || [ ! -d terraform/images ]; then
  echo "publish-images: run it in the project's folder, where flake.nix is" >&2
  exit 1
fi

if [ "${1:-}" = --help ]; then
  cat <<'TEXT'
Builds the images of both roles, uploads them to a bucket and registers them as private templates.

usage: nix run .#publish-images -- -var bucket=NAME -var exoscale_zone=ZONE [ARGUMENT]...

Arguments go to `terraform apply` in terraform/images; variables.tf there lists the variables. Give the credentials as
TF_VAR_exoscale_key and TF_VAR_exoscale_secret. Building needs KVM.
TEXT
  exit
fi

for role in slow-app monitoring; do
  echo "Building the image $role."
  nix --extra-experimental-features 'nix-command flakes' build --out-link "result-$role" ".#$role-image"
done

terraform -chdir=terraform/images init -input=false
terraform -chdir=terraform/images apply "$@"
