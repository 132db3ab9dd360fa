// The command line of AsyncAPI, each document by a `validate` of its own, all in one process: it takes seconds to start.
// Given where it is installed and the documents; prints, last, how each `validate` ends: 0 where a document is valid.
const { join } = require('node:path');

const [root, ...documents] = process.argv.slice(2);
const { run } = require(require.resolve('@oclif/core', { paths: [root] }));
const WANTED = ['--fail-severity', 'hint', '--suppressWarnings', 'asyncapi-latest-version'];

// As its own bin/run does.
process.env.NODE_ENV = 'development';

async function main() {
  const ends = {};
  for (const document of documents) {
    process.exitCode = 0;
    await run(['validate', document, ...WANTED], { root: join(root, 'package.json') });
    ends[document] = process.exitCode;
  }
  process.exitCode = 0;
  console.log(`\n${JSON.stringify(ends)}`);
}

main().catch((why) => {
  console.error(why);
  process.exit(1);
});
