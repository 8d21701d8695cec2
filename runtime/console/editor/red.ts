/** An element as the editor exports it. */
export interface FlowElement {
  id: string;
  type: string;
  z?: string;
  label?: string;
  name?: string;
  disabled?: boolean;
  env?: { name: string; value: string; type: string }[];
  [field: string]: unknown;
}

/** A tab as the editor holds it. */
export interface Workspace extends FlowElement {
  label: string;
  changed?: boolean;
  locked?: boolean;
}

/** What of Node-RED's client is used here. */
export interface EditorApi {
  settings: { get(name: string): unknown };
  events: { on(name: string, listen: (data?: unknown) => void): void };
  actions: { invoke(name: string): void };
  notify(text: string, kind: string): unknown;
  sidebar: { addTab(options: object): void };
  view: { redraw(force?: boolean): void };
  palette: { refresh(): void };
  history: { push(event: object): void };
  workspaces: { active(): string; refresh(): void; show(id: string, quiet?: boolean): void };
  nodes: {
    dirty(state?: boolean): boolean;
    version(): string;
    workspace(id: string): Workspace | undefined;
    eachWorkspace(look: (tab: Workspace) => void): void;
    eachNode(look: (node: { z: string; dirty?: boolean }) => void): void;
    node(id: string): { changed?: boolean } | null;
    createCompleteNodeSet(): FlowElement[];
    clear(): void;
    import(elements: FlowElement[]): unknown;
  };
}
