package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

type statement struct {
	Sid          string                    `json:",omitempty"`
	Effect       string                    `json:",omitempty"`
	Action       any                       `json:",omitempty"`
	NotAction    any                       `json:",omitempty"`
	Resource     any                       `json:",omitempty"`
	NotResource  any                       `json:",omitempty"`
	Principal    any                       `json:",omitempty"`
	NotPrincipal any                       `json:",omitempty"`
	Condition    map[string]map[string]any `json:",omitempty"`
}

// policyDocument renders aws_iam_policy_document: a list of one is written as the one, and `&{…}` becomes `${…}`.
func policyDocument(config map[string]tftypes.Value) (string, error) {
	for _, name := range []string{"source_json", "override_json", "source_policy_documents", "override_policy_documents"} {
		if !config[name].IsNull() {
			return "", fmt.Errorf("the stand-in does not know %s", name)
		}
	}
	document := struct {
		Version   string
		ID        string `json:"Id,omitempty"`
		Statement []statement
	}{Version: "2012-10-17", ID: text(config["policy_id"])}
	if version := text(config["version"]); version != "" {
		document.Version = version
	}
	sids := map[string]bool{}
	for _, value := range elements(config["statement"]) {
		made, err := statementOf(fields(value))
		if err != nil {
			return "", err
		}
		if made.Sid != "" && sids[made.Sid] {
			return "", fmt.Errorf("duplicate Sid (%s)", made.Sid)
		}
		sids[made.Sid] = true
		document.Statement = append(document.Statement, made)
	}
	rendered, err := json.MarshalIndent(document, "", "  ")
	return strings.NewReplacer(`\u003c`, "<", `\u003e`, ">", `\u0026`, "&").Replace(string(rendered)), err
}

func statementOf(from map[string]tftypes.Value) (statement, error) {
	made := statement{
		Sid: text(from["sid"]), Effect: text(from["effect"]),
		Action: listOf(from["actions"]), NotAction: listOf(from["not_actions"]),
		Resource: listOf(from["resources"]), NotResource: listOf(from["not_resources"]),
		Principal: principals(from["principals"]), NotPrincipal: principals(from["not_principals"]),
	}
	if made.Effect == "" {
		made.Effect = "Allow"
	}
	if made.Action == nil && made.NotAction == nil {
		return made, errors.New("a statement without actions")
	}
	for _, value := range elements(from["condition"]) {
		condition := fields(value)
		values := listOf(condition["values"])
		if values == nil {
			return made, fmt.Errorf("a condition without values (%s)", text(condition["variable"]))
		}
		if made.Condition == nil {
			made.Condition = map[string]map[string]any{}
		}
		test := text(condition["test"])
		if made.Condition[test] == nil {
			made.Condition[test] = map[string]any{}
		}
		made.Condition[test][text(condition["variable"])] = values
	}
	return made, nil
}

func principals(value tftypes.Value) any {
	byType := map[string]any{}
	for _, element := range elements(value) {
		principal := fields(element)
		if text(principal["type"]) == "*" {
			return "*"
		}
		byType[text(principal["type"])] = listOf(principal["identifiers"])
	}
	if len(byType) == 0 {
		return nil
	}
	return byType
}

func listOf(value tftypes.Value) any {
	list := texts(value)
	for index, one := range list {
		list[index] = strings.ReplaceAll(one, "&{", "${")
	}
	slices.Sort(list)
	switch len(list) {
	case 0:
		return nil
	case 1:
		return list[0]
	}
	return list
}
