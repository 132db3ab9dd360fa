# One image for every role; the role is the command's argument. Build from the project's root:
#   docker build -f deploy/images/kuty.Dockerfile -t kuty .
ARG BASE=python:3.11-slim
FROM ${BASE}
WORKDIR /opt/kuty
COPY requirements-run.lock ./
RUN pip install --no-cache-dir --require-hashes -r requirements-run.lock
COPY pyproject.toml README.md LICENSE ./
COPY domain domain
COPY projections projections
COPY consumers consumers
COPY api api
COPY deploy deploy
RUN pip install --no-cache-dir --no-deps . && useradd --system --home-dir /var/lib/kuty --create-home kuty
USER kuty
ENTRYPOINT ["kuty"]
CMD ["--help"]
