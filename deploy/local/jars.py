"""Apache Kafka's jars, resolved once from Maven Central by a pure Python resolver and kept in a cache folder."""

import shutil
import tempfile
from pathlib import Path

from deploy.local.ports import PartFailed

KAFKA_VERSION = "4.3.1"
# slf4j-simple writes the broker's log to its standard error; Kafka's own jars bring no logger.
COORDINATES = f"org.apache.kafka:kafka_2.13:{KAFKA_VERSION}+org.slf4j:slf4j-simple:1.7.36"


def kafka_jars(cache: Path) -> Path:
    """The folder with every jar of the broker; downloads it (15 to 25 s) when the cache does not have it.

    Any number of processes may ask at the same time: each one that finds nothing resolves into a folder of its
    own, and the first to finish gives its folder the final name. Raises PartFailed.
    """
    ready = cache / f"kafka-{KAFKA_VERSION}"
    if ready.is_dir():
        return ready
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="resolving-", dir=cache) as workplace:
        gathered = _resolve(Path(workplace))
        try:
            gathered.rename(ready)
        except OSError:
            if not ready.is_dir():
                raise
    return ready


def _resolve(workplace: Path) -> Path:
    try:
        from jgo.env import EnvironmentBuilder, LinkStrategy
        from jgo.maven import MavenContext
    except ImportError:
        raise PartFailed("no Kafka here: pip install '.[local]', or name a folder of jars") from None
    builder = EnvironmentBuilder(
        context=MavenContext(repo_cache=workplace / "maven", timeout=60),
        cache_dir=workplace / "environments",
        link_strategy=LinkStrategy.COPY,
    )
    environment = builder.from_endpoint(COORDINATES)
    gathered = workplace / "gathered"
    gathered.mkdir()
    # The resolver parts jars and modules; Kafka wants both on its class path.
    for jar in Path(environment.path).rglob("*.jar"):
        shutil.copyfile(jar, gathered / jar.name)
    if not list(gathered.glob(f"kafka_2.13-{KAFKA_VERSION}.jar")):
        raise PartFailed(f"the resolver brought no broker for {COORDINATES}")
    return gathered
