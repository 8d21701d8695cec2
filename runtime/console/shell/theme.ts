import { ref } from 'vue';

export type Theme = 'system' | 'dark' | 'light';
const KEY = 'redeye.theme';

const stored = localStorage.getItem(KEY);
/** The theme this browser is pinned to. */
export const theme = ref<Theme>(stored === 'dark' || stored === 'light' ? stored : 'system');

/** Pins the theme, or lets it follow the system. */
export function setTheme(next: Theme): void {
  theme.value = next;
  if (next === 'system') localStorage.removeItem(KEY);
  else localStorage.setItem(KEY, next);
  apply();
}

/** Puts the pinned theme onto the page. */
export function apply(): void {
  if (theme.value === 'system') delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme.value;
}
