const DATE = /^(\d{4})-(\d{2})-(\d{2})$/;
const TIME = /^(\d{2}):(\d{2}):(\d{2}(?:\.\d+)?)(?:z|([+-])(\d{2})(?::?(\d{2}))?)$/i;
const UUID = /^(?:urn:uuid:)?[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/i;

/** Formats of texts that a device looks at; any other is only a description. */
export const FORMATS: Readonly<Record<string, (text: string) => boolean>> = {
  'date-time': isDateTime,
  uuid: (text) => UUID.test(text),
};

/** Does what ajv-formats does where it is in place of it: the formats are built in here. */
export default { default: () => undefined };

/** RFC 3339, with a zone; a space in place of the T passes. */
function isDateTime(text: string): boolean {
  const [date = '', time = '', ...rest] = text.split(/t|\s/i);
  if (rest.length > 0) return false;
  const [, year = 0, month = 0, day = 0] = (DATE.exec(date) ?? []).map(Number);
  const lastDay = new Date(Date.UTC(2000 + (year % 400), month, 0)).getUTCDate();
  if (month < 1 || month > 12 || day < 1 || day > lastDay) return false;
  const parts = TIME.exec(time);
  if (!parts) return false;
  const [, hour, minute, second, , zoneHour = '0', zoneMinute = '0'] = parts;
  const sign = parts[4] === '-' ? -1 : 1;
  if (Number(zoneHour) > 23 || Number(zoneMinute) > 59) return false;
  if (Number(hour) <= 23 && Number(minute) <= 59 && Number(second) < 60) return true;
  // A leap second comes at the end of a UTC day, whatever it is called here.
  const utc = (Number(hour) * 60 + Number(minute) - sign * (Number(zoneHour) * 60 + Number(zoneMinute)) + 1440) % 1440;
  return Number(hour) <= 23 && Number(minute) <= 59 && Number(second) < 61 && utc === 1439;
}
