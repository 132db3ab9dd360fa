// Java classes of AsyncAPI documents, those of each document in a package of its own: prints their names by document.
const { readFileSync } = require('node:fs');
const { basename, join } = require('node:path');
const { JAVA_JACKSON_PRESET, JavaFileGenerator } = require('@asyncapi/modelina');

// Modelina forgets the import of a date that stands in a list and nowhere else in its class.
const DATES = {
  class: {
    self({ renderer, content }) {
      renderer.dependencyManager.addDependency('import java.time.*;');
      return content;
    },
  },
};

async function main(folder, files) {
  const names = {};
  for (const file of files) {
    const kind = basename(file, '.yaml');
    const generator = new JavaFileGenerator({ collectionType: 'List', presets: [JAVA_JACKSON_PRESET, DATES] });
    const models = await generator.generateToFiles(readFileSync(file, 'utf8'), join(folder, kind), { packageName: kind });
    names[kind] = models.map(({ modelName }) => modelName);
  }
  console.log(JSON.stringify(names));
}

main(process.argv[2], process.argv.slice(3));
