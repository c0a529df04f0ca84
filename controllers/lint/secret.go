// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package lint

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"

	"github.com/domainpatch/domainpatch/patch/lazyregexp"
)

// secretTexts are what secrets look like, wherever they stand.
var secretTexts = []struct {
	what    string
	pattern func() *regexp.Regexp
}{
	{"a private key", lazyregexp.New(`-----BEGIN [A-Z ]*PRIVATE KEY`)},
	{"a hash of a password", lazyregexp.New(`\$(1|2[abxy]|5|6|7|y|gy|argon2id?)\$[./A-Za-z0-9$=,+]{13,}`)},
	{"an access key", lazyregexp.New(`\b(AKIA|ASIA)[0-9A-Z]{16}\b`)},
	{"a token", lazyregexp.New(`\b(gh[pousr]_[A-Za-z0-9]{36}|github_pat_[A-Za-z0-9_]{30}|glpat-[A-Za-z0-9_-]{20}|xox[abp]-[A-Za-z0-9-]{20})`)},
	{"a signed token", lazyregexp.New(`\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.`)},
	{"a password in a URL", lazyregexp.New(`\b[a-z][a-z0-9+.-]*://[^/\s:@'"$]+:[^/\s@'"$]+@`)},
	{"a password in XML", lazyregexp.New(`\b(passwd|password)\s*=\s*["'][^"'$]+["']`)},
}

// secretKey is how fields are called that hold secrets.
var secretKey = lazyregexp.New(`(?i)(^|[_-])(password|passwd|passphrase|secret|token|api_?key|private_?key|credentials?|psk)$`)

// checkSecrets finds what looks like a secret. Its messages never quote the text.
func checkSecrets(s *subject) {
	for _, t := range s.texts() {
		if what := secretIn(t.text); what != "" {
			s.warn(Secret, t.field, "this looks like "+what, "")
		}
	}
	for i := range s.patch.Spec.Domain {
		r := &s.patch.Spec.Domain[i]
		if r.Value != nil && *r.Value != "" && (strings.HasSuffix(r.Path, "/@passwd") || strings.HasSuffix(r.Path, "/@password")) {
			s.warn(Secret, fmt.Sprintf("spec.domain[%d].value", i), "this is a password", "")
		}
	}
	for i := range s.patch.Spec.CloudInit {
		r := &s.patch.Spec.CloudInit[i]
		field, text := fmt.Sprintf("spec.cloudInit[%d].value", i), r.Value.Raw
		if r.YAML != "" {
			field, text = fmt.Sprintf("spec.cloudInit[%d].yaml", i), []byte(r.YAML)
		}
		var value any
		if yaml.Unmarshal(text, &value) != nil || secretIn(string(text)) != "" {
			continue
		}
		if key := secretField(lastToken(r.Path), value); key != "" {
			s.warn(Secret, field, fmt.Sprintf("the value of %.40q looks like a secret", key), "")
		}
	}
}

// secretWord is in lines that may hold a secret under the name of one.
var secretWord = lazyregexp.New(`(?i)password|passwd|passphrase|secret|token|api_?key|private_?key|credential|psk`)

// withoutSecret is an excerpt, or nothing where it may show a secret, whatever it is to show.
func withoutSecret(excerpt string) string {
	if secretWord().MatchString(excerpt) || secretIn(excerpt) != "" {
		return ""
	}
	return excerpt
}

func lastToken(pointer string) string { return pointer[strings.LastIndexByte(pointer, '/')+1:] }

// secretIn says what kind of secret a text seems to hold; empty for none.
func secretIn(text string) string {
	for _, s := range secretTexts {
		if s.pattern().MatchString(text) {
			return s.what
		}
	}
	if slices.ContainsFunc(randomToken().FindAllString(text, 64), isRandom) {
		return "a random key"
	}
	return ""
}

// secretField finds a field with a name of secrets and a text that no variable gives.
func secretField(key string, value any) string {
	switch v := value.(type) {
	case string:
		if secretKey().MatchString(key) && v != "" && !strings.HasPrefix(v, "$(") {
			return key
		}
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(v)) {
			if found := secretField(name, v[name]); found != "" {
				return found
			}
		}
	case []any:
		for _, item := range v {
			if found := secretField(key, item); found != "" {
				return found
			}
		}
	case json.Number, float64, int64:
		if secretKey().MatchString(key) {
			return key
		}
	}
	return ""
}

// randomToken is a word of the length and the characters of keys. Longer ones are files.
var randomToken = lazyregexp.New(`[A-Za-z0-9+/_=-]{32,128}`)

// isRandom says whether a word has upper and lower case, digits, and the entropy of random
// characters. Keys of SSH are public where they stand alone, and begin alike.
func isRandom(word string) bool {
	if strings.HasPrefix(word, "AAAA") || strings.Count(word, "/") > 2 || strings.Count(word, "-") > 3 ||
		!strings.ContainsAny(word, "0123456789") || strings.ToLower(word) == word || strings.ToUpper(word) == word {
		return false
	}
	var count [256]float64
	for i := range len(word) {
		count[word[i]]++
	}
	entropy := 0.0
	for _, n := range count {
		if n > 0 {
			p := n / float64(len(word))
			entropy -= p * math.Log2(p)
		}
	}
	return entropy > 4.3
}
