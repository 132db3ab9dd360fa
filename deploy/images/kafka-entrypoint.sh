#!/usr/bin/env bash
# Like the official image, Kafka's own wrapper makes the configuration from the KAFKA_… variables and formats the folder.
set -euo pipefail
mkdir -p /opt/kafka/config /etc/kafka /mnt/shared/config
touch /etc/kafka/server.properties
printf 'node.id=1\n' >/etc/kafka/server.properties
export CLUSTER_ID=${CLUSTER_ID:-5L6g3nShT-eMCtK--X86sw}
java -Xmx256m -cp "/opt/kafka/libs/*" kafka.docker.KafkaDockerWrapper setup \
  --default-configs-dir /etc/kafka --mounted-configs-dir /mnt/shared/config --final-configs-dir /opt/kafka/config
exec java -Xmx512m -XX:+UseSerialGC -cp "/opt/kafka/libs/*" kafka.Kafka /opt/kafka/config/server.properties
