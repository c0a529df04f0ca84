#!/usr/bin/env bash
# SPDX-FileCopyrightText: The DomainPatch Authors
# SPDX-License-Identifier: Apache-2.0

# What action.yml runs: lint of the paths in LINT, and test of those in TEST, one a line. What lint finds becomes annotations.
# FAIL_ON is lint's --fail-on. Needs bash and jq.
set -euo pipefail

lines() { grep -v '^[[:space:]]*$' <<<"$1" || :; }

# Patches come from whoever opens a pull request, and a line that begins with :: is a command to the runner. So what tools
# print is kept from being one, and of findings every part is escaped.
readonly annotations='
def data: gsub("%"; "%25") | gsub("\r"; "%0D") | gsub("\n"; "%0A");
def property: data | gsub(":"; "%3A") | gsub(","; "%2C");
.findings[] |
"::\(if .severity == "error" then "error" else "warning" end) title=\("\(.code) \(.name)" | property)" +
(if .file then ",file=\(.file | property),line=\(.line // 1),col=\(.column // 1)" else "" end) +
"::\((if .object then .object + ": " else "" end) + .message + (if .fix then "\nfix: " + .fix else "" end) | data)"'

quietly() {
	local token code=0
	token=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
	echo "::stop-commands::$token"
	"$@" 2>&1 || code=$?
	echo "::$token::"
	return "$code"
}

lint() { kubectl-domainpatch lint -o json --fail-on "${FAIL_ON:-error}" "${files[@]/#/--filename=}" >"$findings"; }

failed=0
mapfile -t files < <(lines "${LINT:-}")
if ((${#files[@]})); then
	findings=$(mktemp)
	trap 'rm -f "$findings"' EXIT
	quietly lint || failed=1
	jq -r "$annotations" "$findings" || failed=1
fi
mapfile -t cases < <(lines "${TEST:-}")
if ((${#cases[@]})); then
	quietly kubectl-domainpatch test "${cases[@]}" || failed=1
fi
exit "$failed"
