import { Type } from 'typebox';

export const version = 1;

const pin = (value: number, description: string) =>
  Type.Integer({ default: value, minimum: 0, maximum: 511, description });

export const schema = Type.Object({
  driver: Type.Enum(['sim', 'gpio'], {
    default: 'sim',
    description: 'a drawn motor, or lines of a GPIO chip by `gpioset`',
  }),
  chip: Type.String({ default: 'gpiochip0', pattern: '^[a-z0-9_-]{1,40}$', description: 'GPIO chip (libgpiod 2)' }),
  step_pin: pin(23, 'line of the step pulses'),
  dir_pin: pin(24, 'line of the direction'),
  enable_pin: pin(18, 'line that switches the motor on'),
  invert: Type.Boolean({ default: true, description: 'the motor is on while its enable line is low' }),
  steps_per_rev: Type.Integer({ default: 200, minimum: 1, maximum: 100_000 }),
  rpm: Type.Number({ default: 60, minimum: 0.1, maximum: 2000, description: 'speed unless a message names one' }),
  max_rpm: Type.Number({ default: 300, minimum: 0.1, maximum: 2000 }),
  open_steps: Type.Integer({ default: 200, minimum: -1_000_000, maximum: 1_000_000, description: 'what `open` moves' }),
  close_steps: Type.Integer({ default: -200, minimum: -1_000_000, maximum: 1_000_000 }),
  valve_steps: Type.Integer({ default: 10, minimum: 0, maximum: 10_000, description: 'steps for 5 % of the valve' }),
  min_position: Type.Integer({
    default: -2000,
    description: 'soft limits, in steps from where the motor stood at Deploy',
  }),
  max_position: Type.Integer({ default: 2000 }),
  max_per_second: Type.Number({
    default: 5,
    minimum: 0.1,
    maximum: 100,
    description: 'commands a second; more are refused',
  }),
});
