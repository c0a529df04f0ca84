// SPDX-FileCopyrightText: The DomainPatch Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"slices"
	"strings"
	"testing"
)

// TestDockerfile compares the Dockerfile, which needs a container engine to run, with what make image does.
func TestDockerfile(t *testing.T) {
	text, err := os.ReadFile("../../Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), "\nENV GOOS=linux GOARCH=$TARGETARCH\n\nFROM source AS build-") {
		t.Error("the Dockerfile does not build for the wanted architecture")
	}
	for program, image := range images() {
		want := []string{
			"ARG VERSION=unknown REVISION",
			"COPY --from=build-" + program + " /out/" + program + " /" + program,
			`ENV ` + strings.Replace(path, "=", `="`, 1) + `"`,
			"WORKDIR /",
			"USER " + image.user,
			`ENTRYPOINT ["/` + program + `"]`,
		}
		for key, value := range image.labels {
			want = append(want, "LABEL "+key+`="`+value+`"`)
		}
		for key, argument := range (origin{version: "$VERSION", revision: "$REVISION"}).labels() {
			want = append(want, "LABEL "+key+`="`+argument+`"`)
		}
		slices.Sort(want)
		if got := stage(string(text), "scratch AS "+program); !slices.Equal(got, want) {
			t.Errorf("the Dockerfile's stage %s says\n%s\nwant\n%s", program, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
		steps := stage(string(text), "source AS build-"+program)
		if len(steps) != 1 || !strings.HasPrefix(steps[0], "RUN ") || !strings.HasSuffix(steps[0], " make build-"+program+" BIN=/out") {
			t.Errorf("the Dockerfile's stage build-%s says %q, want one RUN of make build-%s BIN=/out", program, steps, program)
		}
	}
}

// stage is the sorted instructions between FROM what and the next FROM.
func stage(dockerfile, what string) []string {
	_, rest, _ := strings.Cut(dockerfile, "\nFROM "+what+"\n")
	rest, _, _ = strings.Cut(rest, "\nFROM ")
	instructions := strings.FieldsFunc(rest, func(r rune) bool { return r == '\n' })
	slices.Sort(instructions)
	return instructions
}
