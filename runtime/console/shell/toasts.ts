import { ref } from 'vue';

export interface Toast {
  id: number;
  text: string;
  tone: 'plain' | 'bad';
  /** what takes it back */
  undo?: () => void;
}

const SHOWN_MS = 7000;
let last = 0;

/** What is said at the edge of the page. */
export const toasts = ref<Toast[]>([]);

/** Says something for a while; with `undo` it can be taken back. */
export function say(text: string, more: Partial<Pick<Toast, 'tone' | 'undo'>> = {}): void {
  last += 1;
  const toast: Toast = { id: last, text, tone: 'plain', ...more };
  toasts.value = [...toasts.value.slice(-2), toast];
  setTimeout(() => dismiss(toast.id), SHOWN_MS);
}

export function dismiss(id: number): void {
  toasts.value = toasts.value.filter((toast) => toast.id !== id);
}
