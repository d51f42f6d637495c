package main

import (
	"context"
	"strings"

	"github.com/hashicorp/terraform-plugin-go/tfprotov5"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

// standIn answers what Terraform asks when it validates, plans and applies; the rest of the protocol it does not have.
type standIn struct {
	tfprotov5.ProviderServer
	schemas schemas
	place   place
}

// place is what every ARN has in it.
type place struct{ partition, region, account, suffix string }

func (s *standIn) GetMetadata(context.Context, *tfprotov5.GetMetadataRequest) (*tfprotov5.GetMetadataResponse, error) {
	metadata := &tfprotov5.GetMetadataResponse{}
	for name := range s.schemas.resources {
		metadata.Resources = append(metadata.Resources, tfprotov5.ResourceMetadata{TypeName: name})
	}
	for name := range s.schemas.dataSources {
		metadata.DataSources = append(metadata.DataSources, tfprotov5.DataSourceMetadata{TypeName: name})
	}
	return metadata, nil
}

func (s *standIn) GetProviderSchema(context.Context, *tfprotov5.GetProviderSchemaRequest) (*tfprotov5.GetProviderSchemaResponse, error) {
	return &tfprotov5.GetProviderSchemaResponse{
		Provider:          s.schemas.provider["aws"],
		ResourceSchemas:   s.schemas.resources,
		DataSourceSchemas: s.schemas.dataSources,
	}, nil
}

func (s *standIn) GetResourceIdentitySchemas(context.Context, *tfprotov5.GetResourceIdentitySchemasRequest) (*tfprotov5.GetResourceIdentitySchemasResponse, error) {
	return &tfprotov5.GetResourceIdentitySchemasResponse{}, nil
}

func (s *standIn) PrepareProviderConfig(_ context.Context, q *tfprotov5.PrepareProviderConfigRequest) (*tfprotov5.PrepareProviderConfigResponse, error) {
	return &tfprotov5.PrepareProviderConfigResponse{PreparedConfig: q.Config}, nil
}

// The account is the one of the role to take on, if one is named.
func (s *standIn) ConfigureProvider(_ context.Context, q *tfprotov5.ConfigureProviderRequest) (*tfprotov5.ConfigureProviderResponse, error) {
	config := fields(unmarshal(q.Config, s.schemas.provider["aws"]))
	s.place = place{partition: "aws", region: "eu-west-1", account: "111111111111", suffix: "amazonaws.com"}
	if region := text(config["region"]); region != "" {
		s.place.region = region
	}
	for _, role := range elements(config["assume_role"]) {
		if parts := strings.Split(text(fields(role)["role_arn"]), ":"); len(parts) > 4 {
			s.place.account = parts[4]
		}
	}
	switch {
	case strings.HasPrefix(s.place.region, "cn-"):
		s.place.partition, s.place.suffix = "aws-cn", "amazonaws.com.cn"
	case strings.HasPrefix(s.place.region, "us-gov-"):
		s.place.partition = "aws-us-gov"
	}
	return &tfprotov5.ConfigureProviderResponse{}, nil
}

func (s *standIn) StopProvider(context.Context, *tfprotov5.StopProviderRequest) (*tfprotov5.StopProviderResponse, error) {
	return &tfprotov5.StopProviderResponse{}, nil
}

// Terraform itself has compared the configuration with the schema, but for what only AWS sets.
func (s *standIn) ValidateResourceTypeConfig(_ context.Context, q *tfprotov5.ValidateResourceTypeConfigRequest) (*tfprotov5.ValidateResourceTypeConfigResponse, error) {
	schema := s.schemas.resources[q.TypeName]
	config := fields(unmarshal(q.Config, schema))
	response := &tfprotov5.ValidateResourceTypeConfigResponse{}
	for _, attribute := range schema.Block.Attributes {
		if attribute.Computed && !attribute.Optional && !config[attribute.Name].IsNull() {
			response.Diagnostics = append(response.Diagnostics, refusal("Value for unconfigurable attribute: "+attribute.Name))
		}
	}
	return response, nil
}

func (s *standIn) ValidateDataSourceConfig(context.Context, *tfprotov5.ValidateDataSourceConfigRequest) (*tfprotov5.ValidateDataSourceConfigResponse, error) {
	return &tfprotov5.ValidateDataSourceConfigResponse{}, nil
}

func (s *standIn) UpgradeResourceState(_ context.Context, q *tfprotov5.UpgradeResourceStateRequest) (*tfprotov5.UpgradeResourceStateResponse, error) {
	kind := s.schemas.resources[q.TypeName].ValueType()
	state, err := q.RawState.Unmarshal(kind)
	if err != nil {
		return nil, err
	}
	return &tfprotov5.UpgradeResourceStateResponse{UpgradedState: marshal(kind, state)}, nil
}

func (s *standIn) ReadResource(_ context.Context, q *tfprotov5.ReadResourceRequest) (*tfprotov5.ReadResourceResponse, error) {
	return &tfprotov5.ReadResourceResponse{NewState: q.CurrentState, Private: q.Private}, nil
}

// PlanResourceChange leaves open what AWS would name, once.
func (s *standIn) PlanResourceChange(_ context.Context, q *tfprotov5.PlanResourceChangeRequest) (*tfprotov5.PlanResourceChangeResponse, error) {
	schema := s.schemas.resources[q.TypeName]
	proposed := unmarshal(q.ProposedNewState, schema)
	if proposed.IsNull() || !unmarshal(q.PriorState, schema).IsNull() {
		return &tfprotov5.PlanResourceChangeResponse{PlannedState: q.ProposedNewState}, nil
	}
	planned := fields(proposed)
	for _, attribute := range schema.Block.Attributes {
		if attribute.Computed && planned[attribute.Name].IsNull() {
			planned[attribute.Name] = tftypes.NewValue(attribute.Type, tftypes.UnknownValue)
		}
	}
	return &tfprotov5.PlanResourceChangeResponse{PlannedState: marshal(schema.ValueType(), tftypes.NewValue(schema.ValueType(), planned))}, nil
}

func (s *standIn) ApplyResourceChange(_ context.Context, q *tfprotov5.ApplyResourceChangeRequest) (*tfprotov5.ApplyResourceChangeResponse, error) {
	schema := s.schemas.resources[q.TypeName]
	planned := unmarshal(q.PlannedState, schema)
	if planned.IsNull() {
		return &tfprotov5.ApplyResourceChangeResponse{NewState: q.PlannedState}, nil
	}
	state := named(q.TypeName, schema.Block, fields(planned), s.place)
	return &tfprotov5.ApplyResourceChangeResponse{NewState: marshal(schema.ValueType(), tftypes.NewValue(schema.ValueType(), state))}, nil
}

func (s *standIn) ReadDataSource(_ context.Context, q *tfprotov5.ReadDataSourceRequest) (*tfprotov5.ReadDataSourceResponse, error) {
	schema := s.schemas.dataSources[q.TypeName]
	state := fields(unmarshal(q.Config, schema))
	if q.TypeName == "aws_iam_policy_document" {
		document, err := policyDocument(state)
		if err != nil {
			return &tfprotov5.ReadDataSourceResponse{Diagnostics: []*tfprotov5.Diagnostic{refusal(err.Error())}}, nil
		}
		state["json"] = tftypes.NewValue(tftypes.String, document)
	} else {
		for name, value := range s.place.facts(q.TypeName, state) {
			state[name] = value
		}
	}
	return &tfprotov5.ReadDataSourceResponse{State: marshal(schema.ValueType(), tftypes.NewValue(schema.ValueType(), state))}, nil
}

func refusal(summary string) *tfprotov5.Diagnostic {
	return &tfprotov5.Diagnostic{Severity: tfprotov5.DiagnosticSeverityError, Summary: summary}
}
