// Compiles where noPropertyAccessFromIndexSignature is set: the misspelt field is found, though an answer may have further fields.
import { PublicationPage } from './client';

export function read(page: PublicationPage): void {
  // @ts-expect-error
  void page.publicatons;
}
