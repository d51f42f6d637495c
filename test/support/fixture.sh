#!/bin/sh
# Builds the bare repository, always with the same commit ids, that test/policies/request-cases.json refers to. Usage: fixture.sh DIR (git >= 2.28)
set -eu
D=${1:?dir}; rm -rf "$D"; mkdir -p "$D"; W="$D/w"; B="$D/infra-live.git"
export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1 GIT_AUTHOR_NAME=t GIT_AUTHOR_EMAIL=t@example.com GIT_COMMITTER_NAME=t GIT_COMMITTER_EMAIL=t@example.com LC_ALL=C
n=1700000000; c() { n=$((n+60)); GIT_AUTHOR_DATE="$n +0000" GIT_COMMITTER_DATE="$n +0000" git -C "$W" commit -q --allow-empty -m "$1"; }
git init -q -b main "$W"
for p in prod/vpc prod/eu-west-1/app.v2 prod/_global prod/a..b prod/secrets-rotator prod/secretsmanager prod/vpc/secrets prod/secrets/db prod/UPPER/Case prod/v1.2.3 prod/net+peering prod/a/b/c/d/e/f staging/vpc staging/secrets/app staging/team=core/db staging/x dev/vpc modules/vpc .ci; do mkdir -p "$W/$p"; printf 'resource "terraform_data" "x" {\n  input = "%s"\n}\n' "$p" > "$W/$p/main.tf"; done
ln -s secrets "$W/prod/link-to-secrets"; ln -s ../prod/secrets "$W/staging/link-to-secrets"; ln -s /etc "$W/prod/link-abs"; ln -s ../../dev/vpc "$W/prod/vpc/link-dev"
echo readme > "$W/prod/README.md"; mkdir -p "$W/prod/empty-no-tf"; echo x > "$W/prod/empty-no-tf/notes.txt"
git -C "$W" add -A; c one; git -C "$W" tag release/0.9.0
echo '# two' >> "$W/prod/vpc/main.tf"; git -C "$W" add -A; c two; git -C "$W" tag release/1.0.0; git -C "$W" tag release/2024.06; git -C "$W" tag v1.2.3
MAIN=$(git -C "$W" rev-parse HEAD); OLD=$(git -C "$W" rev-parse HEAD~1)
git -C "$W" checkout -q -b develop; echo '# dev' >> "$W/prod/vpc/main.tf"; git -C "$W" add -A; c dev; DEV=$(git -C "$W" rev-parse HEAD)
for b in feature/JIRA-123_add-vpc users/anna.k/test hotfix/2024.06.01 feature/a+b 'feature/#42' dependabot/terraform/hashicorp/aws-5.90.0 release/2.0 release-notes mainx xmain Main foo/main renovate/main deadbeef 'feature/@scope' 'feature/a=b' 'a{b'; do git -C "$W" update-ref "refs/heads/$b" "$DEV"; done
git -C "$W" update-ref refs/tags/release/1.0/hotfix "$DEV"; git -C "$W" update-ref refs/tags/prerelease/1 "$DEV"; git -C "$W" update-ref refs/tags/shared "$DEV"; git -C "$W" update-ref refs/heads/shared "$MAIN"
T=$(git -C "$W" rev-parse "$DEV^{tree}"); export GIT_AUTHOR_DATE="1700009000 +0000" GIT_COMMITTER_DATE="1700009000 +0000"
MR=$(git -C "$W" commit-tree -p "$MAIN" -m fork-mr "$T"); git -C "$W" update-ref refs/merge-requests/7/head "$MR"; git -C "$W" update-ref refs/keep-around/$MR "$MR"
UN=$(git -C "$W" commit-tree -p "$MAIN" -m unreachable "$T")
git -C "$W" checkout -q main; git clone -q --mirror "$W" "$B"; git -C "$B" config uploadpack.allowAnySHA1InWant true; 
# copy the unreachable commit too
git -C "$W" pack-objects --revs --stdout <<X | git -C "$B" unpack-objects -q
$UN
X
printf '{"main":"%s","old":"%s","develop":"%s","mr":"%s","unreachable":"%s","tree":"%s"}\n' "$MAIN" "$OLD" "$DEV" "$MR" "$UN" "$T" | tee "$D/ids.json"
