package main

import (
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-go/tfprotov5"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

// What AWS would say about a new resource. `{…}` is an attribute of it, or of the place, or `{hash}` of all that is
// configured; a line may use those above it. What is not here stays null.
var names = map[string][][2]string{
	"aws_cloudwatch_event_rule":           {{"id", "{name}"}, {"arn", "{events}:rule/{name}"}},
	"aws_cloudwatch_log_group":            {{"id", "{name}"}, {"arn", "{logs}:log-group:{name}"}},
	"aws_cloudwatch_metric_alarm":         {{"id", "{alarm_name}"}, {"arn", "{cloudwatch}:alarm:{alarm_name}"}},
	"aws_dynamodb_table":                  {{"id", "{name}"}, {"arn", "{dynamodb}:table/{name}"}},
	"aws_ecr_repository":                  {{"id", "{name}"}, {"arn", "{ecr}:repository/{name}"}, {"registry_id", "{account}"}, {"repository_url", "{account}.dkr.ecr.{region}.{suffix}/{name}"}},
	"aws_ecs_cluster":                     {{"arn", "{ecs}:cluster/{name}"}, {"id", "{arn}"}},
	"aws_ecs_task_definition":             {{"id", "{family}"}, {"revision", "1"}, {"arn_without_revision", "{ecs}:task-definition/{family}"}, {"arn", "{arn_without_revision}:1"}},
	"aws_eip":                             {{"id", "eipalloc-{hash}"}, {"allocation_id", "{id}"}, {"arn", "{ec2}:elastic-ip/{id}"}, {"public_ip", "192.0.2.10"}},
	"aws_iam_openid_connect_provider":     {{"arn", "{iam}:oidc-provider/{url}"}, {"id", "{arn}"}},
	"aws_iam_policy":                      {{"arn", "{iam}:policy/{name}"}, {"id", "{arn}"}},
	"aws_iam_role":                        {{"id", "{name}"}, {"arn", "{iam}:role/{name}"}},
	"aws_internet_gateway":                {{"id", "igw-{hash}"}, {"arn", "{ec2}:internet-gateway/{id}"}},
	"aws_kms_key":                         {{"key_id", "{uuid}"}, {"id", "{key_id}"}, {"arn", "{kms}:key/{key_id}"}},
	"aws_lambda_alias":                    {{"arn", "{lambda}:function:{function_name}:{name}"}, {"id", "{arn}"}},
	"aws_lambda_function":                 {{"id", "{function_name}"}, {"version", "1"}, {"arn", "{lambda}:function:{function_name}"}, {"qualified_arn", "{arn}:1"}},
	"aws_nat_gateway":                     {{"id", "nat-{hash}"}},
	"aws_route_table":                     {{"id", "rtb-{hash}"}, {"arn", "{ec2}:route-table/{id}"}},
	"aws_s3_bucket":                       {{"id", "{bucket}"}, {"arn", "arn:{partition}:s3:::{bucket}"}},
	"aws_s3_object":                       {{"id", "{bucket}/{key}"}, {"arn", "arn:{partition}:s3:::{bucket}/{key}"}, {"version_id", "{hash}"}},
	"aws_security_group":                  {{"id", "sg-{hash}"}, {"arn", "{ec2}:security-group/{id}"}},
	"aws_subnet":                          {{"id", "subnet-{hash}"}, {"arn", "{ec2}:subnet/{id}"}},
	"aws_vpc":                             {{"id", "vpc-{hash}"}, {"arn", "{ec2}:vpc/{id}"}},
	"aws_vpc_endpoint":                    {{"id", "vpce-{hash}"}, {"arn", "{ec2}:vpc-endpoint/{id}"}, {"prefix_list_id", "pl-{hash}"}},
	"aws_vpc_security_group_egress_rule":  {{"id", "sgr-{hash}"}},
	"aws_vpc_security_group_ingress_rule": {{"id", "sgr-{hash}"}},
}

var placeholder = regexp.MustCompile(`\{(\w+)\}`)

// named gives a planned resource the names that AWS would give it.
func named(kind string, schema *tfprotov5.SchemaBlock, planned map[string]tftypes.Value, at place) map[string]tftypes.Value {
	hash := hashOf(kind, planned)
	known := map[string]string{
		"partition": at.partition, "region": at.region, "account": at.account, "suffix": at.suffix,
		"iam": "arn:" + at.partition + ":iam::" + at.account, "hash": hash[:17],
		"uuid": hash[:8] + "-" + hash[8:12] + "-" + hash[12:16] + "-" + hash[16:20] + "-" + hash[20:32],
	}
	for _, service := range []string{"cloudwatch", "dynamodb", "ec2", "ecr", "ecs", "events", "kms", "lambda", "logs"} {
		known[service] = "arn:" + at.partition + ":" + service + ":" + at.region + ":" + at.account
	}
	types := map[string]tftypes.Type{}
	for _, attribute := range schema.Attributes {
		types[attribute.Name] = attribute.Type
		if said := text(planned[attribute.Name]); said != "" {
			known[attribute.Name] = strings.TrimPrefix(said, "https://")
		}
	}
	rules := names[kind]
	if rules == nil {
		rules = [][2]string{{"id", "{hash}"}}
	}
	// Every resource says its region.
	for _, rule := range append(rules[:len(rules):len(rules)], [2]string{"region", "{region}"}) {
		name, value := rule[0], placeholder.ReplaceAllStringFunc(rule[1], func(found string) string { return known[found[1:len(found)-1]] })
		if current, has := planned[name]; has && !current.IsKnown() {
			planned[name], known[name] = written(types[name], value), value
		}
	}
	for name, value := range planned {
		if !value.IsFullyKnown() {
			planned[name] = tftypes.NewValue(types[name], nil)
		}
	}
	return planned
}

// hashOf is the same for the same configuration, so that a rendered module is the same every time.
func hashOf(kind string, planned map[string]tftypes.Value) string {
	said := kind
	for _, name := range slices.Sorted(maps.Keys(planned)) {
		said += "\n" + name + "=" + planned[name].String()
	}
	digest := sha256.Sum256([]byte(said))
	return hex.EncodeToString(digest[:])
}

// facts are what data sources say that are asked this.
func (p place) facts(kind string, asked map[string]tftypes.Value) map[string]tftypes.Value {
	say := func(value string) tftypes.Value { return tftypes.NewValue(tftypes.String, value) }
	switch kind {
	case "aws_partition":
		return map[string]tftypes.Value{"id": say(p.partition), "partition": say(p.partition), "dns_suffix": say(p.suffix)}
	case "aws_region":
		return map[string]tftypes.Value{"id": say(p.region), "region": say(p.region)}
	case "aws_caller_identity":
		return map[string]tftypes.Value{"id": say(p.account), "account_id": say(p.account), "arn": say("arn:" + p.partition + ":iam::" + p.account + ":root")}
	case "aws_availability_zones":
		zones := []tftypes.Value{say(p.region + "a"), say(p.region + "b"), say(p.region + "c")}
		if len(elements(asked["filter"])) == 0 {
			zones = append(zones, say(p.region+"-ath-1a"))
		}
		return map[string]tftypes.Value{"id": say(p.region), "names": tftypes.NewValue(tftypes.List{ElementType: tftypes.String}, zones)}
	case "aws_ec2_managed_prefix_list":
		return map[string]tftypes.Value{"id": say("pl-" + hashOf(kind, map[string]tftypes.Value{"name": asked["name"]})[:8])}
	}
	return nil
}
