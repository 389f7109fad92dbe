// Removes every other one of many blobs one by one, as Azurite does, and prints which are found afterwards.
const Loki = require("module").createRequire(process.argv[1])("lokijs");
const blobs = new Loki("test").addCollection("blobs", { indices: ["accountName", "containerName", "name", "snapshot"] });
const query = (number) => ({ accountName: "a", containerName: "c", name: `${number}.jpg`, snapshot: "" });
const numbers = Array.from({ length: 10000 }, (_, number) => (number * 7919) % 10000);
for (const number of numbers) blobs.insert({ ...query(number), number });
for (const number of numbers.filter((number) => number % 2)) blobs.findAndRemove(query(number));
const found = numbers.map((number) => [number, blobs.findOne(query(number))?.number ?? null]);
console.log(JSON.stringify({ found, left: blobs.count(), others: blobs.find({ ...query(0), containerName: "d" }).length }));
