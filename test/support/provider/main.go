// A stand-in for the HashiCorp providers that tests need, since their releases are no Go modules: which one it is says the
// name it is started by. As much of external, local, null and random as the tests use, over the real plugin protocol.
package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	data "github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/provider"
	"github.com/hashicorp/terraform-plugin-framework/providerserver"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

func main() {
	name, _, _ := strings.Cut(strings.TrimPrefix(filepath.Base(os.Args[0]), "terraform-provider-"), "_")
	newProvider := func() provider.Provider { return &standIn{name} }
	options := providerserver.ServeOpts{Address: "registry.terraform.io/hashicorp/" + name, ProtocolVersion: 5}
	if err := providerserver.Serve(context.Background(), newProvider, options); err != nil {
		panic(err)
	}
}

type standIn struct{ name string }

func (p *standIn) Metadata(_ context.Context, _ provider.MetadataRequest, r *provider.MetadataResponse) {
	r.TypeName = p.name
}
func (p *standIn) Schema(context.Context, provider.SchemaRequest, *provider.SchemaResponse) {}
func (p *standIn) Configure(context.Context, provider.ConfigureRequest, *provider.ConfigureResponse) {
}

func (p *standIn) DataSources(context.Context) []func() datasource.DataSource {
	switch p.name {
	case "external":
		return []func() datasource.DataSource{func() datasource.DataSource { return &external{} }}
	case "local":
		return []func() datasource.DataSource{func() datasource.DataSource { return &localFile{} }}
	}
	return nil
}

func (p *standIn) Resources(context.Context) []func() resource.Resource {
	found := map[string][]*thing{
		"local":  {{kind: "file", required: []string{"filename", "content"}, create: writeFile}},
		"null":   {{kind: "resource", create: identify}},
		"random": {{kind: "id", create: identify}, {kind: "password", create: identify, isSensitive: true}},
	}[p.name]
	resources := []func() resource.Resource{}
	for _, one := range found {
		resources = append(resources, func() resource.Resource { return one })
	}
	return resources
}

// external runs a program at plan, with its query as JSON on its input and its answer as JSON on its output.
type external struct{}

func (*external) Metadata(_ context.Context, _ datasource.MetadataRequest, r *datasource.MetadataResponse) {
	r.TypeName = "external"
}

func (*external) Schema(_ context.Context, _ datasource.SchemaRequest, r *datasource.SchemaResponse) {
	r.Schema.Attributes = map[string]data.Attribute{
		"program":     data.ListAttribute{ElementType: types.StringType, Required: true},
		"working_dir": data.StringAttribute{Optional: true},
		"query":       data.MapAttribute{ElementType: types.StringType, Optional: true},
		"result":      data.MapAttribute{ElementType: types.StringType, Computed: true},
	}
}

func (*external) Read(ctx context.Context, q datasource.ReadRequest, r *datasource.ReadResponse) {
	var program []string
	var directory types.String
	query := map[string]string{}
	r.Diagnostics.Append(q.Config.GetAttribute(ctx, path.Root("program"), &program)...)
	r.Diagnostics.Append(q.Config.GetAttribute(ctx, path.Root("working_dir"), &directory)...)
	r.Diagnostics.Append(q.Config.GetAttribute(ctx, path.Root("query"), &query)...)
	if r.Diagnostics.HasError() {
		return
	}
	input, _ := json.Marshal(query)
	command := exec.CommandContext(ctx, program[0], program[1:]...)
	command.Dir = directory.ValueString()
	command.Stdin = strings.NewReader(string(input))
	result := map[string]string{}
	answer, err := command.Output()
	if err == nil {
		err = json.Unmarshal(answer, &result)
	}
	if failed(&r.Diagnostics, err) {
		return
	}
	r.State.Raw = q.Config.Raw
	r.Diagnostics.Append(r.State.SetAttribute(ctx, path.Root("result"), result)...)
}

// localFile reads a file at plan.
type localFile struct{}

func (*localFile) Metadata(_ context.Context, _ datasource.MetadataRequest, r *datasource.MetadataResponse) {
	r.TypeName = "local_file"
}

func (*localFile) Schema(_ context.Context, _ datasource.SchemaRequest, r *datasource.SchemaResponse) {
	r.Schema.Attributes = map[string]data.Attribute{
		"filename": data.StringAttribute{Required: true},
		"content":  data.StringAttribute{Computed: true},
	}
}

func (*localFile) Read(ctx context.Context, q datasource.ReadRequest, r *datasource.ReadResponse) {
	var name string
	r.Diagnostics.Append(q.Config.GetAttribute(ctx, path.Root("filename"), &name)...)
	content, err := os.ReadFile(name)
	if failed(&r.Diagnostics, err) {
		return
	}
	r.State.Raw = q.Config.Raw
	r.Diagnostics.Append(r.State.SetAttribute(ctx, path.Root("content"), string(content))...)
}

// thing is a resource with triggers and an id of chance; every change replaces it.
type thing struct {
	kind        string
	required    []string
	isSensitive bool
	create      func(name, content string) (string, error)
}

func identify(string, string) (string, error) { return rand.Text(), nil }

func writeFile(name, content string) (string, error) {
	return rand.Text(), os.WriteFile(name, []byte(content), 0o600)
}

func (t *thing) Metadata(_ context.Context, q resource.MetadataRequest, r *resource.MetadataResponse) {
	r.TypeName = q.ProviderTypeName + "_" + t.kind
}

func (t *thing) Schema(_ context.Context, _ resource.SchemaRequest, r *resource.SchemaResponse) {
	replace := []planmodifier.String{stringplanmodifier.RequiresReplace()}
	r.Schema.Attributes = map[string]schema.Attribute{
		"triggers": schema.MapAttribute{ElementType: types.StringType, Optional: true},
		"id":       schema.StringAttribute{Computed: true, PlanModifiers: []planmodifier.String{stringplanmodifier.UseStateForUnknown()}},
		"result":   schema.StringAttribute{Computed: true, Sensitive: t.isSensitive, PlanModifiers: []planmodifier.String{stringplanmodifier.UseStateForUnknown()}},
	}
	for _, name := range t.required {
		r.Schema.Attributes[name] = schema.StringAttribute{Required: true, PlanModifiers: replace}
	}
}

func (t *thing) Create(ctx context.Context, q resource.CreateRequest, r *resource.CreateResponse) {
	given := map[string]string{}
	for _, name := range t.required {
		var value string
		r.Diagnostics.Append(q.Plan.GetAttribute(ctx, path.Root(name), &value)...)
		given[name] = value
	}
	id, err := t.create(given["filename"], given["content"])
	if failed(&r.Diagnostics, err) {
		return
	}
	r.State.Raw = q.Plan.Raw
	r.Diagnostics.Append(r.State.SetAttribute(ctx, path.Root("result"), id)...)
	if t.isSensitive {
		id = "none"
	}
	r.Diagnostics.Append(r.State.SetAttribute(ctx, path.Root("id"), id)...)
}

func (t *thing) Read(_ context.Context, q resource.ReadRequest, r *resource.ReadResponse) {
	r.State = q.State
}
func (t *thing) Update(_ context.Context, q resource.UpdateRequest, r *resource.UpdateResponse) {
	r.State.Raw = q.Plan.Raw
}
func (t *thing) Delete(context.Context, resource.DeleteRequest, *resource.DeleteResponse) {}

func failed(diagnostics *diag.Diagnostics, err error) bool {
	if err != nil {
		diagnostics.AddError(err.Error(), err.Error())
	}
	return diagnostics.HasError()
}
