"""Documents of sentences of words: a layer reads each sentence, another what became of the sentences."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tidegate.errors import DataError
from tidegate.layers.attending import AttentionPooling
from tidegate.layers.sequence import SequenceLayer, without_padding


class DocumentEncoder(nn.Module):
    """A vector of each document: words make sentences and sentences the document, each by a layer and its attention.

    The blocks of the hierarchical layer are as long as each other; sentences are as long as they are. Source: Yang et
    al., NAACL 2016, section 2.2, where both layers are bidirectional GRUs.

    Attributes:
        output_size: features of a document's vector.

    Example:
        >>> from tidegate.layers import Recurrent
        >>> words, sentences = (Recurrent("gru", size, 5, bidirectional=True) for size in (3, 10))
        >>> encoder = DocumentEncoder(words, sentences, units=8)
        >>> vectors, of_words, of_sentences = encoder(torch.zeros(2, 4, 6, 3))
        >>> tuple(vectors.shape), tuple(of_words.shape), tuple(of_sentences.shape)
        ((2, 10), (2, 4, 6), (2, 4))
    """

    def __init__(self, words: SequenceLayer, sentences: SequenceLayer, *, units: int) -> None:
        """Join the two layers.

        Args:
            words: reads the words of a sentence.
            sentences: reads the sentences of a document; its inputs are as large as the outputs of `words`.
            units: features in which attention compares words, and sentences.

        Raises:
            DataError: the sizes of the two layers do not fit.
        """
        super().__init__()
        if sentences.input_size != words.output_size:
            raise DataError(
                f"sentences must read the {words.output_size} features that words puts out, not {sentences.input_size}"
            )
        self.words, self.sentences = words, sentences
        self.of_words = AttentionPooling(words.output_size, units)
        self.of_sentences = AttentionPooling(sentences.output_size, units)
        self.output_size = sentences.output_size

    def forward(
        self, x: Tensor, words: Tensor | None = None, sentences: Tensor | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Read documents.

        Args:
            x: the words' features (B, S, W, F); what lies beyond a sentence or a document is not read.
            words: of each sentence (B, S), int64, 0 to W; all W when None.
            sentences: of each document (B,), int64, 0 to S; all S when None.

        Returns:
            The documents' vectors (B, output_size), 0 for one without words or sentences; the weights of the words
            within each sentence (B, S, W), and of the sentences within each document (B, S).

        Raises:
            DataError: a tensor has a wrong shape, or a length is out of range.
        """
        if x.dim() != 4:
            raise DataError(f"x must have shape (batch, sentences, words, features), not {tuple(x.shape)}")
        batch, count = x.shape[:2]
        lengths = None if words is None else words.flatten()
        if lengths is not None and sentences is not None:  # a sentence beyond the document has no words
            there = torch.arange(count, device=lengths.device) < sentences.to(lengths.device)[:, None]
            lengths = lengths * there.flatten()
        inside = without_padding(x.flatten(2), sentences).view_as(x).flatten(0, 1)
        pooled, of_words = self.of_words(self.words(inside, lengths=lengths)[0], lengths)
        y, _ = self.sentences(pooled.unflatten(0, (batch, count)), lengths=sentences)
        vectors, of_sentences = self.of_sentences(y, sentences)
        return vectors, without_padding(of_words.unflatten(0, (batch, count)), sentences), of_sentences
