{{- /*
SPDX-FileCopyrightText: The DomainPatch Authors
SPDX-License-Identifier: Apache-2.0
*/ -}}

{{- /* The name of an image: of a dict with image and chart. */ -}}
{{- define "domainpatch.image" -}}
{{- if .image.digest -}}
{{ .image.repository }}@{{ .image.digest }}
{{- else -}}
{{ .image.repository }}:{{ .image.tag | default .chart.AppVersion }}
{{- end -}}
{{- end -}}

{{- /* off, audit or enforce: YAML reads a bare off as false. */ -}}
{{- define "domainpatch.lockdown" -}}
{{- .Values.lockdown | default "off" -}}
{{- end -}}

{{- /* What a binding of lockdown's does. */ -}}
{{- define "domainpatch.validationActions" -}}
{{- ternary "[Deny]" "[Audit, Warn]" (eq .Values.lockdown "enforce") -}}
{{- end -}}
