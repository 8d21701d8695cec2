import { loadavg } from 'node:os';
import type { DeviceHealth } from '../../../runtime/contracts/mqtt-messages.ts';
import { thermalBand } from '../../../runtime/contracts/thermal.ts';
import { type CpuTicks, cpuPercent, parseCpu, parseMemory, parseThrottled, parseWifi } from './parse.ts';
import { type Readings, systemReadings } from './readings.ts';

/** How this machine is: the health of a heartbeat as far as it is the machine's, and its Wi-Fi. What cannot be read is left out. */
export interface MachineReport {
  health: DeviceHealth;
  /** dBm */
  rssi?: number;
}

/** Measures this machine; the work of the processors is that since the last look. */
export class Machine {
  readonly #readings: Readings;
  #ticks: CpuTicks | undefined;

  constructor(readings: Readings = systemReadings()) {
    this.#readings = readings;
  }

  /** The first look tells no `cpu_percent`. `folder`: where frames are kept. */
  async measure(folder: string): Promise<MachineReport> {
    const { text } = this.#readings;
    const [disk, temperature, stat, meminfo, wireless, boot, power] = await Promise.all([
      this.#readings.disk(folder),
      this.#readings.temperature(),
      text('proc/stat'),
      text('proc/meminfo'),
      text('proc/net/wireless'),
      text('proc/sys/kernel/random/boot_id'),
      this.#power(),
    ]);
    const memory = parseMemory(meminfo ?? '');
    const cpu = this.#cpu(stat ?? '');
    const rssi = parseWifi(wireless ?? '');
    const bootId = /^[0-9a-f]{8}/.exec(boot ?? '')?.[0];
    const health: DeviceHealth = {
      load1: Math.round((loadavg()[0] ?? 0) * 100) / 100,
      ...(cpu !== undefined && { cpu_percent: cpu }),
      ...(temperature !== undefined && { temperature_c: temperature, thermal: thermalBand(temperature) }),
      ...power,
      ...(disk && { disk_free_mb: disk.freeMb, disk_total_mb: disk.totalMb }),
      ...(memory && { memory_available_mb: memory.availableMb, memory_total_mb: memory.totalMb }),
      ...(bootId !== undefined && { boot: bootId }),
    };
    return { health, ...(rssi !== undefined && { rssi }) };
  }

  #cpu(stat: string): number | undefined {
    const [before, now] = [this.#ticks, parseCpu(stat)];
    this.#ticks = now;
    return before && now && cpuPercent(before, now);
  }

  /** By the firmware's word; without its program, as in a container, the kernel's sensor still knows of too little voltage. */
  async #power(): Promise<Partial<DeviceHealth>> {
    const said = parseThrottled((await this.#readings.throttled()) ?? '');
    if (said) return { throttled: said.throttled, under_voltage: said.underVoltage, throttled_flags: said.flags };
    const alarm = (await this.#readings.sensor('rpi_volt', 'in0_lcrit_alarm'))?.trim();
    return alarm === '0' || alarm === '1' ? { under_voltage: alarm === '1' } : {};
  }
}
