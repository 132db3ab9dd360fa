#!/usr/bin/env bash
# Images with the interface of the official `postgres` and `apache/kafka`, for machines that run a Docker engine but can
# pull nothing: a Debian base made by debootstrap from the mirror that apt already uses, and Kafka's jars from the cache
# that the local Kafka uses. Usage: stand-ins.sh JARS_FOLDER   (prints the two image names)
set -euo pipefail
jars=${1:?give the folder of Kafka jars}
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
suite=$(. /etc/os-release && echo "$VERSION_CODENAME")
mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' "Codename: $suite" | awk 'NR == 1')

if ! docker image inspect kuty-stand-in/base >/dev/null 2>&1; then
  debootstrap --variant=minbase --include=openjdk-17-jre-headless,postgresql-15 "$suite" "$work/root" "$mirror" >&2
  tar -C "$work/root" -c . | docker import - kuty-stand-in/base >&2
fi

mkdir "$work/postgres" "$work/kafka"
cp "$here/postgres-entrypoint.sh" "$work/postgres/entrypoint.sh"
cat >"$work/postgres/Dockerfile" <<'DOCKERFILE'
FROM kuty-stand-in/base
ENV PATH=/usr/lib/postgresql/15/bin:/usr/sbin:/usr/bin:/sbin:/bin PGDATA=/var/lib/postgresql/data
COPY entrypoint.sh /usr/local/bin/entrypoint.sh
EXPOSE 5432
ENTRYPOINT ["bash", "/usr/local/bin/entrypoint.sh"]
DOCKERFILE
cp -r "$jars" "$work/kafka/libs"
cp "$here/kafka-entrypoint.sh" "$work/kafka/entrypoint.sh"
cat >"$work/kafka/Dockerfile" <<'DOCKERFILE'
FROM kuty-stand-in/base
COPY libs /opt/kafka/libs
COPY entrypoint.sh /usr/local/bin/entrypoint.sh
EXPOSE 9092
ENTRYPOINT ["bash", "/usr/local/bin/entrypoint.sh"]
DOCKERFILE
DOCKER_BUILDKIT=0 docker build -q -t kuty-stand-in/postgres "$work/postgres" >&2
DOCKER_BUILDKIT=0 docker build -q -t kuty-stand-in/kafka "$work/kafka" >&2
echo "kuty-stand-in/postgres kuty-stand-in/kafka"
