// Parses and binds KQL with Microsoft's language service. Standard input: {"service": folder, "tables": {name: schema},
// "queries": {name: text}}. Standard output: {name: ["message: the text at fault"]}, of the queries with a problem.
"use strict";

const { readFileSync, writeSync } = require("node:fs");
const { join } = require("node:path");

const { service, tables, queries } = JSON.parse(readFileSync(0, "utf8"));
require(join(service, "bridge.js"));
require(join(service, "Kusto.Language.Bridge.js"));

const { TableSymbol, DatabaseSymbol } = Kusto.Language.Symbols;
const symbols = Object.entries(tables).map(([name, schema]) => new TableSymbol.$ctor7(name, schema, null));
const globals = Kusto.Language.GlobalState.Default.WithDatabase(new DatabaseSymbol.ctor("component", symbols));

const problems = {};
for (const [name, text] of Object.entries(queries)) {
  const found = Kusto.Language.KustoCode.ParseAndAnalyze(text, globals).GetDiagnostics();
  for (let i = 0; i < found.Count; i += 1) {
    const problem = found.getItem(i);
    (problems[name] ??= []).push(`${problem.Message} ${text.substr(problem.Start, problem.Length)}`);
  }
}
writeSync(1, JSON.stringify(problems));
