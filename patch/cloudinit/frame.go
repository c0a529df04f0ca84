// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package cloudinit

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"mime/quotedprintable"
	"strings"
	"unicode/utf8"

	"github.com/domainpatch/domainpatch/patch/lazyregexp"
)

// frame is what stands around the body of the MIME part that is edited, and how the body is written.
type frame struct {
	before, after string
	encoding      string // Content-Transfer-Encoding in lower case
	width         int    // of a line in base64, in characters; 0 for one line of any length
}

// newFrame cuts the body of a part out of its message.
func newFrame(text string, p *mimePart) (f *frame, body string) {
	f = &frame{before: text[:p.from], after: text[p.to:], encoding: p.encoding}
	body = text[p.from:p.to]
	if p.encoding != "base64" {
		return f, body
	}
	digits := strings.TrimRight(body, " \t\r\n") // blank lines behind it mean nothing, and stay
	f.after = body[len(digits):] + f.after
	first, _, several := strings.Cut(digits, "\n")
	if f.width = len(strings.TrimRight(first, "\r")); !several && f.width <= base64Width {
		f.width = base64Width
	} else if !several {
		f.width = 0
	}
	return f, digits
}

// base64Width is the longest line that RFC 2045 allows, in characters.
const base64Width = 76

// isIdentity holds for the encodings that are none (RFC 2045, section 6.2).
func isIdentity(encoding string) bool {
	return encoding == "" || encoding == "7bit" || encoding == "8bit" || encoding == "binary"
}

// decode returns the text that a body stands for.
func (f *frame) decode(body string) (text string, err error) {
	switch {
	case isIdentity(f.encoding):
		return body, nil
	case f.encoding == "base64":
		text, err = decodeBase64(body)
	case f.encoding == "quoted-printable":
		text, err = decodeQuotedPrintable(body)
	default:
		return "", fmt.Errorf("unknown Content-Transfer-Encoding %.40q: use base64, or 7bit for plain ASCII", f.encoding)
	}
	if err == nil && !utf8.ValidString(text) {
		err = errors.New("its text is not UTF-8")
	}
	return text, err
}

// put returns the message with another text in place of old, the text of its part.
func (f *frame) put(old, text string) (string, error) {
	newline := lineEnd(f.before)
	var body string
	switch {
	case isIdentity(f.encoding):
		if err := checkASCII(old, text); err != nil {
			return "", err
		}
		body = text
	case f.encoding == "base64":
		body = encodeBase64(text, f.width, newline)
	default:
		body = encodeQuotedPrintable(text, newline)
	}
	if strings.HasPrefix(f.after, "--") {
		body += newline // the body was empty, and had no line break of its own before the delimiter
	}
	return f.before + body + f.after, nil
}

// parser returns a function that puts another text of the part in place of the text of doc, and reads the whole message anew.
func (f *frame) parser(doc *document, parse func(string) (*document, error)) func(string) (*document, error) {
	return func(text string) (*document, error) {
		whole, err := f.put(doc.text, text)
		if err != nil {
			return nil, err
		}
		next, err := parse(whole)
		if err == nil && next.text != text {
			err = errUnfaithful
		}
		return next, err
	}
}

// checkASCII refuses new lines with characters that only an encoded part can hold: Python, and so cloud-init, reads
// them as Latin-1 or as escapes whatever the header says (Message.get_payload in Lib/email/message.py).
func checkASCII(old, text string) error {
	known := map[string]bool{}
	for line := range strings.Lines(old) {
		known[strings.TrimRight(line, "\r\n")] = true
	}
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n")
		if !known[line] && strings.ContainsFunc(line, func(r rune) bool { return r >= utf8.RuneSelf }) {
			return errors.New("the new value has characters other than ASCII, which cloud-init cannot read in a MIME part without encoding: give the part Content-Transfer-Encoding base64")
		}
	}
	return nil
}

func decodeBase64(body string) (string, error) {
	data, err := base64.StdEncoding.Strict().DecodeString(body) // which skips line ends
	if err != nil {
		return "", errors.New("its body is not base64, as its header says")
	}
	return string(data), nil
}

func encodeBase64(text string, width int, newline string) string {
	digits := base64.StdEncoding.EncodeToString([]byte(text))
	if width == 0 {
		return digits
	}
	var out strings.Builder
	for len(digits) > width {
		out.WriteString(digits[:width] + newline)
		digits = digits[width:]
	}
	return out.String() + digits
}

// quotedEscapes are the escapes of quoted-printable: of a byte and of a line end. Readers disagree on what else begins with =.
var quotedEscapes = lazyregexp.New(`=(?:[0-9A-Fa-f]{2}|\r?\n)`)

func decodeQuotedPrintable(body string) (string, error) {
	data, err := io.ReadAll(quotedprintable.NewReader(strings.NewReader(body)))
	if err != nil || strings.Contains(quotedEscapes().ReplaceAllString(body, ""), "=") {
		return "", errors.New("its body is not quoted-printable, as its header says")
	}
	return string(data), nil
}

// encodeQuotedPrintable breaks lines at 76 characters, as RFC 2045 asks for.
func encodeQuotedPrintable(text, newline string) string {
	var out strings.Builder
	w := quotedprintable.NewWriter(&out)
	_, _ = io.WriteString(w, text) // a strings.Builder does not fail
	_ = w.Close()
	return strings.ReplaceAll(out.String(), "\r\n", newline)
}
