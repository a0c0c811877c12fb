/** A version whose answers are wanted. */
interface Version {
  readonly model: string;
  readonly version: string;
}

/** An answer of MLflow's REST API, as it came. */
export interface SavedAnswer {
  readonly name: string;
  readonly text: string;
}

/** Asks for all answers that judging these versions takes, as somebody would who saves them to files. */
export async function exportAnswers(url: string, versions: readonly Version[]): Promise<SavedAnswer[]> {
  const saved = new Map<string, SavedAnswer>();
  async function save(name: string, path: string): Promise<string> {
    const known = saved.get(name);
    if (known !== undefined) return known.text;
    const answer = await fetch(`${url}/api/2.0/mlflow/${path}`);
    const text = await answer.text();
    if (answer.ok) saved.set(name, { name, text });
    return text;
  }
  for (const { model, version } of versions) {
    const named = new URLSearchParams({ name: model, version });
    const texts = [
      await save(`version ${model} ${version}`, `model-versions/get?${named}`),
      await save(`model ${model}`, `registered-models/get?${new URLSearchParams({ name: model })}`),
      await save(
        `champion ${model}`,
        `registered-models/alias?${new URLSearchParams({ name: model, alias: 'champion' })}`,
      ),
    ];
    await saveMentioned(texts, save);
  }
  return [...saved.values()];
}

/** The runs and logged models that answers speak of, and those that theirs do. */
async function saveMentioned(
  texts: readonly string[],
  save: (name: string, path: string) => Promise<string>,
): Promise<void> {
  const asked = new Set<string>();
  const look = async (text: string): Promise<void> => {
    const runs = [...text.matchAll(/"(?:run_id|source_run_id)": ?"(\w{32})"|"value": ?"(\w{32})"/g)];
    for (const [, id, tag] of runs) await once(`run ${id ?? tag}`, `runs/get?run_id=${id ?? tag}`);
    for (const [id] of text.matchAll(/m-[0-9a-f]{32}/g))
      await once(`logged model ${id}`, `logged-models/${id}`);
    for (const [, name, version] of text.matchAll(/"models:\/([^/"]+)\/(\d+)"/g)) {
      await once(
        `version ${name} ${version}`,
        `model-versions/get?${new URLSearchParams({ name: name ?? '', version: version ?? '' })}`,
      );
    }
  };
  const once = async (name: string, path: string): Promise<void> => {
    if (asked.has(name)) return;
    asked.add(name);
    await look(await save(name, path));
  };
  for (const text of texts) await look(text);
}
