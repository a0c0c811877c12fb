import { fileURLToPath } from 'node:url';
import { type InterfaceDeclaration, type Node, SyntaxKind, type TypeElement } from 'typescript/unstable/ast';
import {
  isFunctionDeclaration,
  isInterfaceDeclaration,
  isJSDoc,
  isPropertySignatureDeclaration,
  isTypeLiteralNode,
} from 'typescript/unstable/ast/is';
import { API } from 'typescript/unstable/sync';

/** Where the types stand that people write values of. */
const FILES = [
  'src/config/define-config.ts',
  'src/config/deployment.ts',
  'src/config/policy.ts',
  'src/consume/retry-policy.ts',
  'infra/context.ts',
];
const ROOT = fileURLToPath(new URL('..', import.meta.url));

const HEAD = `# The config

<!-- Written from the types by \`npm run config-reference\`: change their comments instead. -->

\`hikyaku.config.ts\` has what \`defineConfig\` returns as its default export. Errors name a value by its path, as the headings do.
What has no default must be given. Durations are milliseconds where the name ends in \`Ms\`.
`;
const CONTEXT = `
# The context

What the CDK app is told with \`-c name=value\`: \`npx cdk deploy --all -c stage=prod\`.

`;

type Interfaces = ReadonlyMap<string, InterfaceDeclaration>;

/** The text of `docs/reference/config.md`. Throws when a field says nothing, or not what it is when it is left out. */
export function configReference(): string {
  const api = new API({ cwd: ROOT });
  try {
    const snapshot = api.updateSnapshot({ openProjects: [`${ROOT}tsconfig.json`] });
    const statements = FILES.flatMap((file) => {
      const source = snapshot.getProjects()[0]?.program.getSourceFile(`${ROOT}${file}`);
      if (source === undefined) throw new Error(`${file} is not in the project`);
      return [...source.statements];
    });
    const interfaces = new Map(statements.filter(isInterfaceDeclaration).map((one) => [one.name.text, one]));
    const define = statements.filter(isFunctionDeclaration).find(({ name }) => name?.text === 'defineConfig');
    const definition = define?.parameters[0]?.type;
    const context = interfaces.get('Context');
    if (!(definition && isTypeLiteralNode(definition) && context)) throw new Error('a type was renamed');
    const sections = sectionsOf('', definition, interfaces);
    const config = sections.map(
      ([path, rows]) => `\n## ${path ? `\`${path}\`` : 'At the top'}\n\n${table(rows)}`,
    );
    return [HEAD, ...config, CONTEXT, table(membersOf(context, interfaces).map((one) => rowOf(one)))].join(
      '',
    );
  } finally {
    api.close();
  }
}

interface Row {
  readonly name: string;
  readonly type: string;
  readonly meaning: string;
  readonly standard: string;
}

interface Fields {
  readonly members: readonly TypeElement[];
  /** Whether all may be left out. */
  readonly partial?: boolean;
}

type Section = readonly [path: string, rows: readonly Row[]];

/** A section for these fields, and one for each of them that has fields itself. */
function sectionsOf(path: string, { members, partial = false }: Fields, interfaces: Interfaces): Section[] {
  const nested: Section[] = [];
  const rows = members.map((member) => {
    const inner = innerOf(member, interfaces);
    const row = rowOf(member, partial, inner !== undefined);
    if (inner) {
      const below = `${path && `${path}.`}${row.name}${inner.each}`;
      nested.push(...sectionsOf(below, inner, interfaces));
      return { ...row, type: inner.each ? row.type : 'see below' };
    }
    return row;
  });
  return [[path, rows], ...nested];
}

/** Says no more than the question mark before it. */
const OR_UNDEFINED = / \| undefined$/;

/** The fields of a field's own type; `each` is what stands for the name of one where there are several. */
function innerOf(
  member: TypeElement,
  interfaces: Interfaces,
): (Fields & { readonly each: string }) | undefined {
  if (!isPropertySignatureDeclaration(member)) return undefined;
  const { type } = member;
  if (isTypeLiteralNode(type)) return { each: '', members: type.members };
  const text = type.getText().replace(OR_UNDEFINED, '');
  const inner = interfaces.get(text.match(/(\w+)(?:<unknown>)?(?:\[\]|>)*$/)?.[1] ?? '');
  if (inner === undefined) return undefined;
  const several = /\[\]$|Record</.test(text);
  const each = several ? `.<${inner.name.text.replace(/Definition|Policy/, '').toLowerCase()}>` : '';
  return { each, members: membersOf(inner, interfaces), partial: text.startsWith('Partial<') };
}

/** Its own fields, and those of what it extends. */
function membersOf(one: InterfaceDeclaration, interfaces: Interfaces): TypeElement[] {
  const bases = (one.heritageClauses ?? []).flatMap(({ types }) => types.map((type) => type.getText()));
  const inherited = bases.flatMap((name) => {
    const base = interfaces.get(name);
    if (base === undefined) throw new Error(`${name} is in none of the files`);
    return membersOf(base, interfaces);
  });
  return [...one.members, ...inherited];
}

function rowOf(member: TypeElement, partial = false, nested = false): Row {
  if (!isPropertySignatureDeclaration(member)) throw new Error(`no field: ${member.getText()}`);
  const name = member.name.getText();
  const comment = commentOf(member);
  // The sentence that begins with it, up to a full stop before a space or the end.
  const standard = comment.match(/(?:^| )Default:? (.*?)\.(?= |$)/);
  const optional = partial || member.postfixToken?.kind === SyntaxKind.QuestionToken;
  if (comment === '') throw new Error(`${name} has no comment`);
  if (optional && !nested && !standard) throw new Error(`the comment of ${name} names no default`);
  return {
    name,
    type: member.type
      .getText()
      .replace(OR_UNDEFINED, '')
      .replaceAll(/\breadonly /g, '')
      .replaceAll(/\s+/g, ' '),
    meaning: comment.replace(standard?.[0] ?? '', '').trim(),
    standard: standard?.[1] ?? (optional ? 'those below' : ''),
  };
}

function commentOf(node: Node): string {
  const doc = node.jsDoc?.find(isJSDoc);
  const text = (doc?.comment ?? []).map((part) => part.text).join('');
  return text.replaceAll(/\s+/g, ' ').trim();
}

function table(rows: readonly Row[]): string {
  const cell = (text: string): string => text.replaceAll('|', '\\|');
  const lines = rows.map(({ name, type, meaning, standard }) => {
    const shown = type === 'see below' ? type : `\`${type}\``;
    return `| ${[`\`${name}\``, shown, meaning, standard].map(cell).join(' | ')} |\n`;
  });
  return `| field | type | meaning | default |\n| --- | --- | --- | --- |\n${lines.join('')}`;
}
