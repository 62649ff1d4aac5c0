#!/bin/sh
# Records how a QEMU starts a guest, and compares that with the baseline that is kept in git.
# In a CI and at home alike:
#
#   sh callchain.sh [ARGUMENTS FOR QEMU...]
#
# What it heeds, all of it optional:
#
#   QEMU                a QEMU with debug information; without it one is built:
#   CALLCHAIN_BUILD     a release or source package to build: 10.0.0, debian:7.2
#   CALLCHAIN_SOURCE    else: the source tree to build (default: this folder)
#   CALLCHAIN_PROFILE   debug (default) or release
#   CALLCHAIN_BASELINE  the folder of baselines (default: callchain-baseline)
#   CALLCHAIN_AGAINST   a graph, recording or output folder to compare with instead
#   CALLCHAIN_ALLOW     the file of accepted changes and rules (default: allow.toml beside the baselines)
#   CALLCHAIN_FAIL_ON   kinds of changes that count: removed,inserted
#   CALLCHAIN_OUT       where everything goes (default: callchain-ci)
#   CALLCHAIN_TIMEOUT   seconds a recording may take (default: 60)
#   CALLCHAIN_COMMENT   no: leave pull requests alone
#   CALLCHAIN_NAME      what tells this job from others on the same pull request: each has a comment of its own
#   ANALYZE             the program (default: analyze)
#
# Exit status: that of the comparison. 0 the same, 1 it differs, 2 usage, 3 it could not be compared.
# In $CALLCHAIN_OUT: diff.txt .md .html .json .sarif, junit.xml, gitlab.json; recording/ with its report; and
# baseline/, which is what to commit when the change is wanted.
set -u

analyze=${ANALYZE:-analyze}
out=${CALLCHAIN_OUT:-callchain-ci}
baseline=${CALLCHAIN_BASELINE:-callchain-baseline}

say() {
    printf 'callchain: %s\n' "$*" >&2
}

# What is built and recorded has no business with the tokens of the job.
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

# The comparison in one format, into one file. There is none when it could not be made.
write_as() {
    format=$1 file=$out/$2
    shift 2
    "$analyze" "$@" --format "$format" -o "$file" >/dev/null 2>&1
    [ -s "$file" ] || say "there is no $file"
}

mkdir -p "$out" || exit 3
for name in diff.txt diff.md diff.html diff.json diff.sarif junit.xml gitlab.json; do
    rm -f "$out/$name"  # of a run before
done

rm -rf "$out/recording" "$out/baseline"

qemu=$(qemu_to_record) || exit

[ $# -eq 0 ] || set -- -- "$@"
without_tokens "$analyze" startup --qemu "$qemu" --out "$out/recording" --force \
    --timeout "${CALLCHAIN_TIMEOUT:-60}" "$@"
recorded=$?
case $recorded in
    0) ;;
    4) say "the recording is incomplete; what there is of it is compared" ;;
    *) exit "$recorded" ;;
esac

"$analyze" baseline update "$out/baseline" --of "$out/recording" || say "no new baseline is made"

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
            say "a baseline to begin with is $new: commit it to $baseline/"
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
    # where nothing differs a comment of before is brought up to date, and none is written
    if [ "$status" -eq 0 ]; then
        "$analyze" comment "$out/diff.md" --name "${CALLCHAIN_NAME:-}" --update-only
    else
        "$analyze" comment "$out/diff.md" --name "${CALLCHAIN_NAME:-}"
    fi || say "the comment was not written; the comparison stands"
fi

if [ "$status" -eq 1 ] && [ -d "$out/baseline" ] && [ -z "${CALLCHAIN_AGAINST:-}" ]; then
    say "if the change is wanted: commit $out/baseline/ as $baseline/, or allow it there with a reason"
elif [ "$status" -eq 0 ] && [ "$recorded" -ne 0 ]; then
    say "nothing differs, as far as the recording goes"
    status=3
fi
exit "$status"
