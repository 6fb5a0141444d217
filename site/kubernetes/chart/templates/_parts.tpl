{{- /* A value as it was written: Helm itself would print a number of a million as 1e+06. */ -}}
{{- define "written" -}}
{{ kindIs "float64" . | ternary (toJson .) . }}
{{- end }}

{{- define "pod" -}}
automountServiceAccountToken: false
enableServiceLinks: false
{{- end }}

{{- define "pod-security" -}}
runAsNonRoot: true
seccompProfile: { type: RuntimeDefault }
{{- end }}

{{- define "volume-security" -}}
{{ include "pod-security" . }}
{{- with .Values.fsGroup }}
fsGroup: {{ . }}
fsGroupChangePolicy: OnRootMismatch
{{- end }}
{{- end }}

{{- define "confined" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: { drop: [ALL] }
{{- end }}

{{- define "clamav-mounts" -}}
- { name: databases, mountPath: /var/lib/clamav }
- { name: tmp, mountPath: /tmp }
- { name: conf, mountPath: /etc/clamav, readOnly: true }
{{- end }}

{{- define "clamav-mounts-of-readers" -}}
- { name: databases, mountPath: /var/lib/clamav, readOnly: true }
- { name: tmp, mountPath: /tmp }
- { name: conf, mountPath: /etc/clamav, readOnly: true }
{{- end }}

{{- define "beside-the-volume" -}}
podAffinity:
  requiredDuringSchedulingIgnoredDuringExecution:
    - topologyKey: kubernetes.io/hostname
      labelSelector:
        matchLabels: { clamav.example/volume: clamav-databases }
{{- end }}

{{- define "freshclam" -}}
- name: freshclam
  image: {{ .Values.image }}
  command: [freshclam, --daemon, --config-file=/etc/clamav/freshclam.conf]
  resources: {{ toJson .Values.clamav.resources.freshclam }}
  securityContext: {{ include "confined" . | nindent 4 }}
  volumeMounts: {{ include "clamav-mounts" . | nindent 4 }}
{{- end }}

{{- define "clamd-conf" -}}
DatabaseDirectory /var/lib/clamav/databases
TCPSocket 3310
TCPAddr 0.0.0.0
Foreground yes
LogTime yes
{{- range $name, $value := .Values.clamav.clamd }}
{{ $name }} {{ include "written" $value }}
{{- end }}
{{- end }}

{{- define "freshclam-conf" -}}
DatabaseMirror {{ .Values.clamav.mirrorUrl }}
DatabaseDirectory /var/lib/clamav/databases
DNSDatabaseInfo no-record.invalid
NotifyClamd /etc/clamav/clamd.conf
Foreground yes
LogTime yes
{{- range $name, $value := .Values.clamav.freshclam }}
{{ $name }} {{ include "written" $value }}
{{- end }}
{{- end }}
