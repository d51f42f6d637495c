package main

import (
	_ "embed"
	"encoding/json"

	"github.com/hashicorp/terraform-plugin-go/tfprotov5"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

//go:embed aws-schema.json
var extract []byte

// As `terraform providers schema -json` has it.
type block struct {
	Attributes map[string]struct {
		Type                         json.RawMessage
		Required, Optional, Computed bool
	}
	BlockTypes map[string]struct {
		NestingMode string `json:"nesting_mode"`
		MinItems    int64  `json:"min_items"`
		MaxItems    int64  `json:"max_items"`
		Block       block
	} `json:"block_types"`
}

type schemas struct{ provider, resources, dataSources map[string]*tfprotov5.Schema }

func readSchemas() schemas {
	var read struct {
		Resources   map[string]block `json:"resource_schemas"`
		DataSources map[string]block `json:"data_source_schemas"`
	}
	must(json.Unmarshal(extract, &read))
	return schemas{
		provider:    map[string]*tfprotov5.Schema{"aws": providerSchema()},
		resources:   schemasOf(read.Resources),
		dataSources: schemasOf(read.DataSources),
	}
}

// Of the provider's own arguments, those that say where and as whom.
func providerSchema() *tfprotov5.Schema {
	text := func(name string) *tfprotov5.SchemaAttribute {
		return &tfprotov5.SchemaAttribute{Name: name, Type: tftypes.String, Optional: true}
	}
	role := &tfprotov5.SchemaBlock{Attributes: []*tfprotov5.SchemaAttribute{text("role_arn")}}
	return &tfprotov5.Schema{Block: &tfprotov5.SchemaBlock{
		Attributes: []*tfprotov5.SchemaAttribute{text("region"), text("profile")},
		BlockTypes: []*tfprotov5.SchemaNestedBlock{
			{TypeName: "assume_role", Block: role, Nesting: tfprotov5.SchemaNestedBlockNestingModeList, MaxItems: 1},
		},
	}}
}

func schemasOf(blocks map[string]block) map[string]*tfprotov5.Schema {
	schemas := map[string]*tfprotov5.Schema{}
	for name, block := range blocks {
		schemas[name] = &tfprotov5.Schema{Block: schemaOf(block)}
	}
	return schemas
}

func schemaOf(b block) *tfprotov5.SchemaBlock {
	made := &tfprotov5.SchemaBlock{}
	for name, a := range b.Attributes {
		//nolint:staticcheck // The form is the one that Terraform prints.
		kind, err := tftypes.ParseJSONType(a.Type)
		must(err)
		made.Attributes = append(made.Attributes, &tfprotov5.SchemaAttribute{
			Name: name, Type: kind, Required: a.Required, Optional: a.Optional, Computed: a.Computed,
		})
	}
	nesting := map[string]tfprotov5.SchemaNestedBlockNestingMode{
		"list":   tfprotov5.SchemaNestedBlockNestingModeList,
		"set":    tfprotov5.SchemaNestedBlockNestingModeSet,
		"single": tfprotov5.SchemaNestedBlockNestingModeSingle,
	}
	for name, n := range b.BlockTypes {
		made.BlockTypes = append(made.BlockTypes, &tfprotov5.SchemaNestedBlock{
			TypeName: name, Block: schemaOf(n.Block), Nesting: nesting[n.NestingMode], MinItems: n.MinItems, MaxItems: n.MaxItems,
		})
	}
	return made
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}
