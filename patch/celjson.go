// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package patch

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"

	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"

	"github.com/domainpatch/domainpatch/patch/cloudinit"
)

// jsonWriter writes a CEL value as JSON: integers in full, maps in the order of their keys.
// Lists of a value may be shared, so it is the writer that bounds the size.
type jsonWriter struct {
	bytes.Buffer
	values int
}

func (w *jsonWriter) write(value ref.Val) error {
	if w.values++; w.values > cloudinit.MaxNodes || w.Len() > cloudinit.MaxValue {
		return fmt.Errorf("the expression gives more than %d values or %d bytes", cloudinit.MaxNodes, cloudinit.MaxValue)
	}
	switch v := value.(type) {
	case types.Null:
		w.WriteString("null")
	case types.Bool:
		w.WriteString(strconv.FormatBool(bool(v)))
	case types.Int:
		w.WriteString(strconv.FormatInt(int64(v), 10))
	case types.Uint:
		w.WriteString(strconv.FormatUint(uint64(v), 10))
	case types.Double:
		return w.double(float64(v))
	case types.String:
		return w.text(string(v))
	case *types.Optional:
		if inner, ok := unwrap(v); ok {
			return w.write(inner)
		}
		return errors.New("the expression gives an empty optional inside a value")
	case traits.Mapper:
		return w.object(v)
	case traits.Lister:
		return w.list(v)
	default:
		return fmt.Errorf("the expression gives %s, which JSON cannot hold", value.Type().TypeName())
	}
	return nil
}

func (w *jsonWriter) double(f float64) error {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return errors.New("the expression gives infinity or no number, which JSON cannot hold")
	}
	text, err := json.Marshal(f)
	w.Write(text)
	return err
}

func (w *jsonWriter) text(s string) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(s); err != nil {
		return err
	}
	w.Truncate(w.Len() - 1) // the line end of Encode
	return nil
}

func (w *jsonWriter) list(l traits.Lister) error {
	w.WriteByte('[')
	for it, first := l.Iterator(), true; it.HasNext() == types.True; first = false {
		if !first {
			w.WriteByte(',')
		}
		if err := w.write(it.Next()); err != nil {
			return err
		}
	}
	w.WriteByte(']')
	return nil
}

func (w *jsonWriter) object(m traits.Mapper) error {
	members := map[string]ref.Val{}
	for it := m.Iterator(); it.HasNext() == types.True; {
		key := it.Next()
		name, ok := key.(types.String)
		if !ok {
			return fmt.Errorf("the expression gives a map with a key of type %s, and JSON has strings alone", key.Type().TypeName())
		}
		members[string(name)] = m.Get(key)
	}
	w.WriteByte('{')
	for i, name := range slices.Sorted(maps.Keys(members)) {
		if i > 0 {
			w.WriteByte(',')
		}
		if err := w.text(name); err != nil {
			return err
		}
		w.WriteByte(':')
		if err := w.write(members[name]); err != nil {
			return err
		}
	}
	w.WriteByte('}')
	return nil
}
