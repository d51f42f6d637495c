package main

import (
	"math/big"

	"github.com/hashicorp/terraform-plugin-go/tfprotov5"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

func unmarshal(value *tfprotov5.DynamicValue, schema *tfprotov5.Schema) tftypes.Value {
	read, err := value.Unmarshal(schema.ValueType())
	must(err)
	return read
}

func marshal(kind tftypes.Type, value tftypes.Value) *tfprotov5.DynamicValue {
	written, err := tfprotov5.NewDynamicValue(kind, value)
	must(err)
	return &written
}

func fields(value tftypes.Value) map[string]tftypes.Value {
	read := map[string]tftypes.Value{}
	must(value.As(&read))
	return read
}

// elements of a list or set; none of one that is not set.
func elements(value tftypes.Value) []tftypes.Value {
	read := []tftypes.Value{}
	if value.IsKnown() && !value.IsNull() {
		must(value.As(&read))
	}
	return read
}

// text is empty for what is no known string.
func text(value tftypes.Value) string {
	var read *string
	if !value.IsKnown() || value.As(&read) != nil || read == nil {
		return ""
	}
	return *read
}

func texts(value tftypes.Value) []string {
	read := []string{}
	for _, element := range elements(value) {
		read = append(read, text(element))
	}
	return read
}

// written is a string as the attribute's type wants it.
func written(kind tftypes.Type, value string) tftypes.Value {
	if kind.Is(tftypes.Number) {
		number, _ := new(big.Float).SetString(value)
		return tftypes.NewValue(kind, number)
	}
	return tftypes.NewValue(kind, value)
}
