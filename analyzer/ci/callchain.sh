#!/bin/sh
# Records how a QEMU starts a guest, and compares the call chains with the baseline in git.
# Runs in a CI job or on a workstation:
#
#   sh callchain.sh [ARGUMENTS FOR QEMU...]
#
# Environment variables, all optional:
#
#   QEMU                a QEMU with debug information, also in a separate debug file; without it one is built from
#   CALLCHAIN_BUILD     a release or source package to build: 10.0.0, debian:7.2
#   CALLCHAIN_SOURCE    else: the source tree to build (default: this folder)
#   CALLCHAIN_PROFILE   debug (default) or release
#   CALLCHAIN_BASELINE  the folder of baselines (default: callchain-baseline)
#   CALLCHAIN_AGAINST   a graph, recording or output folder to compare with instead of the baseline
#   CALLCHAIN_ALLOW     the allow-list: accepted changes, and rules (default: allow.toml in the folder of baselines)
#   CALLCHAIN_FAIL_ON   kinds of changes that count, such as removed,inserted
#   CALLCHAIN_OUT       the output folder (default: callchain-ci)
#   CALLCHAIN_TIMEOUT   time limit of a recording in seconds (default: 60)
#   CALLCHAIN_DEBUGINFOD  yes: download missing debug information of $QEMU with debuginfod
#   CALLCHAIN_COMMENT   no: post no comment
#   CALLCHAIN_NAME      name of this job: each job of a pull request has its own comment
#   ANALYZE             the command to run (default: analyze)
#
# Exit status, of the comparison: 0 equal, 1 different, 2 usage error, 3 not compared.
# In $CALLCHAIN_OUT: diff.txt .md .html .json .sarif, junit.xml, gitlab.json; recording/ with its report; and
# baseline/, the files to commit when the change is intended.
set -u

analyze=${ANALYZE:-analyze}
out=${CALLCHAIN_OUT:-callchain-ci}
baseline=${CALLCHAIN_BASELINE:-callchain-baseline}

say() {
    printf 'callchain: %s\n' "$*" >&2
}

# The build and the recorded program must not get the tokens of the job.
without_tokens() {
    (unset GITHUB_TOKEN GITLAB_TOKEN CALLCHAIN_TOKEN CI_JOB_TOKEN && exec "$@")
}

qemu_to_record() {
    if [ -n "${QEMU:-}" ]; then
        printf '%s\n' "$QEMU"
    elif [ -n "${CALLCHAIN_BUILD:-}" ]; then
        without_tokens "$analyze" build "$CALLCHAIN_BUILD" --profile "${CALLCHAIN_PROFILE:-debug}"
    else
        without_tokens "$analyze" build --source "${CALLCHAIN_SOURCE:-.}" --profile "${CALLCHAIN_PROFILE:-debug}"
    fi
}

# Writes the comparison in one format to one file; none when it fails.
write_as() {
    format=$1 file=$out/$2
    shift 2
    "$analyze" "$@" --format "$format" -o "$file" >/dev/null 2>&1
    [ -s "$file" ] || say "$file was not written"
}

mkdir -p "$out" || exit 3
for name in diff.txt diff.md diff.html diff.json diff.sarif junit.xml gitlab.json; do
    rm -f "$out/$name"  # of an earlier run
done

rm -rf "$out/recording" "$out/baseline"

qemu=$(qemu_to_record) || exit

[ $# -eq 0 ] || set -- -- "$@"
[ "${CALLCHAIN_DEBUGINFOD:-no}" != yes ] || set -- --debuginfod "$@"
without_tokens "$analyze" startup --qemu "$qemu" --out "$out/recording" --force \
    --timeout "${CALLCHAIN_TIMEOUT:-60}" "$@"
recorded=$?
case $recorded in
    0) ;;
    4) say "the recording is incomplete; its chains are compared" ;;
    *) exit "$recorded" ;;
esac

"$analyze" baseline update "$out/baseline" --of "$out/recording" || say "no new baseline was written"

if [ -n "${CALLCHAIN_AGAINST:-}" ]; then
    set -- diff "$CALLCHAIN_AGAINST" "$out/recording"
else
    set -- baseline check "$baseline" --of "$out/recording"
fi
if [ -n "${CALLCHAIN_ALLOW:-}" ]; then
    set -- "$@" --allow "$CALLCHAIN_ALLOW"
elif [ "$1" = diff ] && [ -f "$baseline/allow.toml" ]; then
    set -- "$@" --allow "$baseline/allow.toml"
fi
[ -z "${CALLCHAIN_FAIL_ON:-}" ] || set -- "$@" --fail-on "$CALLCHAIN_FAIL_ON"

"$analyze" "$@" --format text -o "$out/diff.txt" >/dev/null
status=$?
if [ ! -s "$out/diff.txt" ]; then
    say "nothing was compared"
    for new in "$out"/baseline/*.txt; do
        [ -n "${CALLCHAIN_AGAINST:-}" ] || [ -f "$baseline/${new##*/}" ] || [ ! -f "$new" ] ||
            say "the first baseline is $new: commit it to $baseline/"
    done
    [ "$status" -gt 1 ] || status=3
    exit "$status"
fi
cat "$out/diff.txt"
write_as md diff.md "$@"
write_as html diff.html "$@"
write_as json diff.json "$@"
write_as sarif diff.sarif "$@"
write_as junit junit.xml "$@"
write_as gitlab gitlab.json "$@"
[ "${GITHUB_ACTIONS:-}" != true ] || "$analyze" "$@" --format github

if [ -n "${GITHUB_STEP_SUMMARY:-}" ] && [ -s "$out/diff.md" ]; then
    cat "$out/diff.md" >>"$GITHUB_STEP_SUMMARY"
fi
if [ "${CALLCHAIN_COMMENT:-yes}" != no ] && [ -s "$out/diff.md" ]; then
    # without a change an existing comment is updated, and none is created
    if [ "$status" -eq 0 ]; then
        "$analyze" comment "$out/diff.md" --name "${CALLCHAIN_NAME:-}" --update-only
    else
        "$analyze" comment "$out/diff.md" --name "${CALLCHAIN_NAME:-}"
    fi || say "the comment was not posted; the exit status is that of the comparison"
fi

if [ "$status" -eq 1 ] && [ -d "$out/baseline" ] && [ -z "${CALLCHAIN_AGAINST:-}" ]; then
    say "if the change is intended: commit $out/baseline/ as $baseline/, or add it to the allow-list with a reason"
elif [ "$status" -eq 0 ] && [ "$recorded" -ne 0 ]; then
    say "no difference in what the incomplete recording contains"
    status=3
fi
exit "$status"
