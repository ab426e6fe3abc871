#!/bin/sh
# A control loop as a shell script: every Deployment with the annotation "size-of" has as many replicas as the
# Deployment that it names.
#
#     echo web > /k8s/deployments/shadow/metadata/annotations/size-of
#     examples/follow-size.sh
#
# It needs inotifywait (inotify-tools). Events are a hint, the files are the truth: the loop looks at everything
# after each one, and once at the start.
set -eu
deployments=${1:-/k8s/deployments}

adjust() {
    for annotation in "$deployments"/*/metadata/annotations/size-of; do
        [ -e "$annotation" ] || continue
        follower=${annotation%/metadata/*}
        wanted=$(cat "$deployments/$(cat "$annotation")/replicas") || continue
        [ "$(cat "$follower/replicas")" = "$wanted" ] || echo "$wanted" >"$follower/replicas"
    done
}

adjust
inotifywait --quiet --monitor --event attrib,create "$deployments" | while read -r _; do
    adjust
done
