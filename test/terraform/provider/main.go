// A stand-in for the AWS provider, over the real plugin protocol: it knows the real one's schema of what the module uses
// (aws-schema.json), so that Terraform refuses what the real one would refuse, and it makes nothing. What AWS would name
// it names by rule, and policy documents it renders as the real one does.
package main

import (
	"github.com/hashicorp/terraform-plugin-go/tfprotov5"
	"github.com/hashicorp/terraform-plugin-go/tfprotov5/tf5server"
)

func main() {
	server := func() tfprotov5.ProviderServer { return &standIn{schemas: readSchemas()} }
	if err := tf5server.Serve("registry.terraform.io/hashicorp/aws", server); err != nil {
		panic(err)
	}
}
