// Behind the stack's own starter: fills Azurite's own store of extents, has it delete every other one, and says what is left.
const { SharedChunkStore } = require(persistence + "/MemoryExtentStore");
const { default: Metadata } = require(persistence + "/LokiExtentMetadataStore");
const silent = { info() {}, debug() {}, verbose() {}, warn() {}, error() {} };

(async () => {
  const metadata = new Metadata("", true);
  await metadata.init();
  const store = new Extents("test", SharedChunkStore, metadata, silent, (status, code) => new Error(code));
  await store.init();
  const ids = [];
  for (let number = 0; number < 10000; number++) ids.push((await store.appendExtent(Buffer.from("12345"))).id);
  await store.deleteExtents(new Set(ids.filter((_, index) => index % 2)));
  const known = (id) => metadata.getExtentLocationId(id).then(() => true, () => false);
  const kept = [];
  for (const id of ids) kept.push(await known(id));
  console.log(JSON.stringify({ bytes: SharedChunkStore.totalSize(), kept }));
})();
